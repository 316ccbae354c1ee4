"""Queries each store for the canary's items that have arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from stack.canary import settings
from stack.canary.items import INSTANCE, NUMBER, SERVICE, Item
from stack.canary.web import Answer, UnansweredError, request

# Takes at least one item, all of one run; returns the numbers of those that have arrived.
# Raises UnansweredError if the store does not answer, or answers with something else.
Store = Callable[[Sequence[Item]], set[int]]

_NOT_FOUND: Final = 404
_SLACK_SECONDS: Final = 60  # how much the clocks of canary and store may differ
_SECOND: Final = 1_000_000_000


def _label(attribute: str) -> str:
    """Returns the name that Prometheus and Loki give to an OpenTelemetry attribute or metric."""
    return attribute.replace(".", "_")


def prometheus(url: str, headers_file: Path | None = None) -> Store:
    """Returns a store that queries Prometheus, for the points as they were sent, not only the last one."""

    def ask(items: Sequence[Item]) -> set[int]:
        seconds = (time.time_ns() - _oldest(items)) // _SECOND + _SLACK_SECONDS
        selector = f'{_label(NUMBER)}{{job="{SERVICE}",instance="{items[0].run}"}}[{seconds}s]'
        login = settings.headers(headers_file)
        answer = request("GET", f"{url}/api/v1/query?{urlencode({'query': selector})}", headers=login)
        return _among(items, (value for series in _result(url, answer) for _, value in series["values"]))

    return _checked(url, ask)


def loki(url: str) -> Store:
    """Returns a store that queries Loki for this run's records, by the number in structured metadata."""

    def ask(items: Sequence[Item]) -> set[int]:
        slack = _SLACK_SECONDS * _SECOND
        query = {
            "query": f'{{service_name="{SERVICE}"}} | {_label(INSTANCE)}="{items[0].run}"',
            "start": _oldest(items) - slack,
            "end": time.time_ns() + slack,
            "limit": 1000,
        }
        answer = request("GET", f"{url}/loki/api/v1/query_range?{urlencode(query)}")
        return _among(items, (series["stream"][_label(NUMBER)] for series in _result(url, answer)))

    return _checked(url, ask)


def victorialogs(url: str, headers_file: Path | None) -> Store:
    """Returns a store that queries VictoriaLogs for this run's records, with the login in the file."""

    def ask(items: Sequence[Item]) -> set[int]:
        slack = _SLACK_SECONDS * _SECOND
        run = f"{json.dumps(INSTANCE)}:={json.dumps(items[0].run, ensure_ascii=False)}"
        query = {
            "query": f'{{service.name="{SERVICE}"}} {run} | fields {json.dumps(NUMBER)}',
            "start": _oldest(items) - slack,
            "end": time.time_ns() + slack,
            "limit": 1000,
        }
        # Read for each query, as the Collector's token is: a changed password needs no restart.
        answer = request(
            "GET", f"{url}/select/logsql/query?{urlencode(query)}", headers=settings.headers(headers_file)
        )
        _refuse_failure(url, answer)
        return _among(items, (json.loads(line)[NUMBER] for line in answer.body.splitlines()))

    return _checked(url, ask)


def traces(url: str, headers_file: Path | None = None) -> Store:
    """Returns a store that fetches each item's trace, at a path that Jaeger and Tempo share."""

    def ask(items: Sequence[Item]) -> set[int]:
        login = settings.headers(headers_file)
        return {item.number for item in items if _has_trace(url, item, login)}

    return _checked(url, ask)


def _has_trace(url: str, item: Item, login: Mapping[str, str]) -> bool:
    wanted = {"Accept": "application/json", **login}
    answer = request("GET", f"{url}/api/traces/{item.trace_id.hex()}", headers=wanted)
    if answer.status == _NOT_FOUND:
        return False
    # The id is derived from the number; the attribute shows that the span is there and is ours.
    if answer.well and NUMBER.encode() in answer.body:
        return True
    raise UnansweredError(f"{url} answered {answer.status}: {answer.text()}")


def _checked(url: str, ask: Store) -> Store:
    """Wraps a store so that an answer not of its API's form raises an error that names the store."""

    def checked(items: Sequence[Item]) -> set[int]:
        try:
            return ask(items)
        except OSError as error:
            raise UnansweredError(f"{error.filename} cannot be read ({error.strerror})") from None
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise UnansweredError(f"{url} did not answer as its API does ({type(error).__name__})") from None

    return checked


def _result(url: str, answer: Answer) -> Any:  # noqa: ANN401 - JSON
    """Returns the series in an answer; Loki's API shares Prometheus' format."""
    _refuse_failure(url, answer)
    return json.loads(answer.body)["data"]["result"]


def _refuse_failure(url: str, answer: Answer) -> None:
    if not answer.well:
        raise UnansweredError(f"{url} answered {answer.status}: {answer.text()}")


def _oldest(items: Sequence[Item]) -> int:
    return min(item.sent for item in items)


def _among(items: Sequence[Item], values: Iterator[str]) -> set[int]:
    return {item.number for item in items} & {int(float(value)) for value in values}
