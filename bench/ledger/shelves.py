"""Asks the real stores which numbers of a run they hold, as a user would read them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from bench.ledger.items import METRIC, NUMBER
from bench.process import BenchError
from stack.native.ports import LOOPBACK

# Half the queried time range, in seconds: wider than any window of the stores.
_BEFORE: Final = 9 * 3600
_AFTER: Final = 3 * 3600
_MANY: Final = 100_000


class Shelves:
    """Reads the numbers of a run out of the stores.

    Args:
        urls: base URL of the store of each signal.
    """

    def __init__(self, urls: dict[str, str]) -> None:
        self._urls = urls
        self._client = httpx.AsyncClient(timeout=30)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def stored(self, signal: str, run: str) -> Counter[int]:
        """Returns how often the store returns each number of the run.

        Raises:
            BenchError: the store rejects the query.
        """
        readers: dict[str, Callable[[str], Awaitable[Counter[int]]]] = {
            "traces": self._spans,
            "metrics": self._points,
            "logs": self._records,
        }
        return await readers[signal](run)

    async def fires(self, alert: str, port: int) -> bool:
        """Returns whether the alert has fired so far for the program with metrics on this port."""
        selector = f'ALERTS{{alertname="{alert}", alertstate="firing", instance="{LOOPBACK}:{port}"}}'
        found = await self._get(
            f"{self._urls['metrics']}/api/v1/query", {"query": f"max_over_time({selector}[1h])"}
        )
        return bool(found["data"]["result"])

    async def flush(self) -> None:
        """Makes VictoriaLogs return at once what it has accepted.

        Raises:
            BenchError: it does not.
        """
        answer = await self._client.get(f"{self._urls['logs']}/internal/force_flush")
        if not answer.is_success:
            raise BenchError(f"VictoriaLogs answered {answer.status_code}: {answer.text[:300]}")

    async def _get(self, url: str, parameters: dict[str, str | int]) -> Any:  # noqa: ANN401 - JSON
        answer = await self._client.get(url, params=parameters)
        if not answer.is_success:
            raise BenchError(f"{url} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    async def _spans(self, run: str) -> Counter[int]:
        """Asks Jaeger, without the adjusters that would hide a span stored twice."""
        microsecond, now = 1_000_000, time.time()
        window: dict[str, str | int] = {
            "start": int((now - _BEFORE) * microsecond),
            "end": int((now + _AFTER) * microsecond),
            "service": run,
            "limit": _MANY,
            "raw": "true",
        }
        found = await self._get(f"{self._urls['traces']}/api/traces", window)
        spans = (span for trace in found["data"] or [] for span in trace["spans"])
        return Counter(tag["value"] for span in spans for tag in span["tags"] if tag["key"] == NUMBER)

    async def _points(self, run: str) -> Counter[int]:
        """Asks Prometheus for the raw samples: the value is the number."""
        name = METRIC.replace(".", "_")
        question: dict[str, str | int] = {
            "query": f'{name}{{service_name="{run}"}}[{_BEFORE + _AFTER}s]',
            "time": int(time.time()) + _AFTER,
        }
        found = await self._get(f"{self._urls['metrics']}/api/v1/query", question)
        series = found["data"]["result"]
        return Counter(int(value) for each in series for _time, value in each["values"])

    async def _records(self, run: str) -> Counter[int]:
        """Asks VictoriaLogs how often it has each text; a record that came twice is there twice."""
        question = {"query": f'{{service.name="{run}"}} | stats by (_msg) count() times'}
        answer = await self._client.get(f"{self._urls['logs']}/select/logsql/query", params=question)
        if not answer.is_success:
            raise BenchError(f"VictoriaLogs answered {answer.status_code}: {answer.text[:300]}")
        counted: Counter[int] = Counter()
        for found in map(json.loads, answer.text.splitlines()):
            counted[int(found["_msg"].rpartition(" ")[2])] += int(found["times"])
        return counted
