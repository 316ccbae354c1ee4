"""One query, one answer: VictoriaLogs, and Loki where one is given."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra.stores.client import Login, StoreClient, StoreUnavailable
from app.infra.stores.logs import LogQuery, LogRecord, LogStore, fits
from app.infra.stores.loki import Loki
from app.infra.stores.queries import logql, logsql
from app.infra.stores.victorialogs import VictoriaLogs
from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from tests.app.infra.stores.conftest import PASSWORD
from tests.app.infra.stores.odd_server import GARBAGE, answering, odd_server, silent
from tests.app.infra.stores.telemetry_of import send
from tests.app.infra.stores.test_prometheus import HOSTILE as HOSTILE_TEXTS
from tests.collector_config import stores
from tests.programs import wait_until

# The API refuses NUL in any request; Loki cannot search for it.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
HOSTILE = [text.replace("\0", "") for text in HOSTILE_TEXTS]
SCRIPT = """
with tracer.start_as_current_span("enrol") as span:
    answer = format(span.get_span_context().trace_id, "032x")
    log.info("enrolled", course_id="tracing", number=3, flag=True, deep={"a": [1, 2]})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("enrolment_failed", request_id="req-1", **{"user.id": "usr_1"})
log.warning("a 100% (odd) line: [x] {y} \\"quoted\\" `ticks` \\\\ | or 'single'")
for text in HOSTILE:
    otel.get_logger("hostile").info("hostile", request_id=text + "!", **{"user.id": "!" + text})
for number in range(25):
    otel.get_logger("pages").info("page", number=number)
"""


@dataclass
class Filled:
    """A log store with the records of SCRIPT."""

    store: LogStore
    service: str
    trace_id: str
    started: int

    def query(self, **changes: Any) -> LogQuery:  # noqa: ANN401 - as the fields
        """Asks for all records of the script."""
        everything = LogQuery(
            start=self.started, end=time.time_ns(), limit=100, service=self.service, severity=None
        )
        return replace(everything, **changes)

    async def found(self, **changes: Any) -> list[LogRecord]:  # noqa: ANN401 - as the fields
        return await self.store.records(self.query(**changes))

    async def events(self, **changes: Any) -> list[str]:  # noqa: ANN401 - as the fields
        return [each.event for each in await self.found(**changes)]


@pytest.fixture(scope="module")
def victorialogs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("victorialogs")
    with stores.victorialogs(folder) as url:
        yield url


def filled(store: LogStore, logs: str, count: Callable[[str], int]) -> Filled:
    """Fills the store and waits until it has everything, which ``count`` tells for a service."""
    service, started = f"lms-{secrets.token_hex(4)}", time.time_ns()
    trace_id = send(f"HOSTILE = {HOSTILE!r}\n{SCRIPT}", logs=logs, service=service)
    wait_until(lambda: count(service) == 3 + len(HOSTILE) + 25, "the store has all records")
    return Filled(store, service, trace_id, started)


@pytest.fixture(scope="module", params=["victorialogs", "loki"])
async def logs(request: pytest.FixtureRequest) -> AsyncIterator[Filled]:
    if request.param == "loki":
        url = stores.loki()
        client = StoreClient("loki", url, seconds=30)

        def in_loki(service: str) -> int:
            query = {"query": f'{{service_name="{service}"}}', "since": "1h", "limit": "1000"}
            answer = httpx.get(f"{url}/loki/api/v1/query_range", params=query, verify=NO_CERTIFICATES)
            return sum(len(each["values"]) for each in answer.json()["data"]["result"])

        yield filled(Loki(client), f"{url}/otlp/v1/logs", in_loki)
    else:
        url = request.getfixturevalue("victorialogs_url")
        client = StoreClient("victorialogs", url, seconds=30)

        def in_victorialogs(service: str) -> int:
            return len(stores.records(url, f'{{service.name="{service}"}}'))

        yield filled(VictoriaLogs(client), f"{url}/insert/opentelemetry/v1/logs", in_victorialogs)
    await client.close()


async def test_a_record_is_the_same_whatever_store_it_is_from(logs: Filled) -> None:
    [failed] = await logs.found(logger="enrollments", severity=17)
    assert (failed.level, failed.event, failed.service) == ("error", "enrolment_failed", logs.service)
    assert (failed.request_id, failed.user, failed.trace_id) == ("req-1", "usr_1", logs.trace_id)
    assert (failed.error_type, failed.error_message) == ("ZeroDivisionError", "division by zero")
    assert failed.stacktrace.startswith("Traceback")
    assert len(failed.span_id) == 16
    assert failed.instance
    assert failed.fields == {}
    [enrolled] = await logs.found(text="enrolled")
    assert (enrolled.level, enrolled.error_type) == ("info", "")
    assert enrolled.fields == {"course_id": "tracing", "number": "3", "flag": "true", "deep_a": "[1,2]"}
    assert logs.started < enrolled.time < failed.time


async def test_each_filter_finds_what_fits_and_nothing_else(logs: Filled) -> None:
    assert await logs.events(trace_id=logs.trace_id) == ["enrolment_failed", "enrolled"]
    assert await logs.events(trace_id="0" * 32) == []
    assert await logs.events(request_id="req-1") == ["enrolment_failed"]
    assert await logs.events(request_id="req-") == []
    assert await logs.events(user="usr_1") == ["enrolment_failed"]
    assert await logs.events(logger="pages", limit=3) == ["page"] * 3
    assert await logs.events(text="DIVISION by Z") == ["enrolment_failed"]
    assert [each.level for each in await logs.found(severity=13)] == ["warning", "error"]
    assert await logs.events(service="lms") == []
    assert await logs.events(service=None, trace_id=logs.trace_id) == ["enrolment_failed", "enrolled"]


async def test_the_newest_are_first_and_both_ends_belong_to_the_range(logs: Filled) -> None:
    everything = await logs.found()
    times = [each.time for each in everything]
    assert times == sorted(times, reverse=True)
    newest, oldest = times[3], times[-2]
    found = await logs.found(start=oldest, end=newest)
    assert {each.time for each in found} == {each for each in times if oldest <= each <= newest}


@pytest.mark.parametrize("text", ["100% (odd)", "[x] {y}", '"quoted" `ticks` \\', "'single'"])
async def test_text_is_searched_as_it_is(logs: Filled, text: str) -> None:
    [found] = await logs.events(text=text)
    assert text in found
    assert await logs.events(text=f"{text}.*") == []


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_only_compared(logs: Filled, text: str) -> None:
    by_request = await logs.found(request_id=f"{text}!")
    by_user = await logs.found(user=f"!{text}")
    assert len(by_request) == len(by_user) == 1, text
    assert by_request == by_user
    for name in ("request_id", "user", "logger", "text", "service"):
        assert await logs.found(**{name: f"{text}?"}) == [], name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_any_text_is_only_compared(victorialogs_url: str, text: str) -> None:
    """VictoriaLogs accepts the query and finds nothing: no text widens it, not even to an error."""
    for name in ("request_id", "user", "logger", "trace_id", "service"):
        changes: dict[str, Any] = {name: text}
        query = replace(LogQuery(0, time.time_ns(), 10, text="no record has this"), **changes)
        answer = httpx.post(
            f"{victorialogs_url}/select/logsql/query",
            data={"query": logsql(query), "start": "0"},
            verify=NO_CERTIFICATES,
            timeout=30,
        )
        assert (answer.status_code, answer.text) == (200, ""), text


@settings(max_examples=60, deadline=None)
@given(text=TEXT)
def test_any_text_stays_one_string_of_logql(text: str) -> None:
    """Loki's parser formats the query again: its stages are those of the query about a plain word."""
    url = stores.loki()

    def formatted(word: str) -> str:
        query = LogQuery(
            0, 1, 10, 13, service=word, logger=word, request_id=word, trace_id=word, user=word, text=word
        )
        asked = {"query": logql(query)}
        answer = httpx.post(f"{url}/loki/api/v1/format_query", data=asked, verify=NO_CERTIFICATES)
        assert answer.status_code == 200, answer.text
        return re.sub(r'"(?:[^"\\]|\\.)*"|`[^`]*`', '""', str(answer.json()["data"]))

    assert formatted(text) == formatted("plain")


async def test_a_record_in_memory_fits_the_same_queries(logs: Filled) -> None:
    everything = await logs.found()
    asked: list[dict[str, Any]] = [
        {"severity": 13},
        {"text": "DIVISION"},
        {"logger": "pages"},
        {"trace_id": logs.trace_id},
        {"user": "usr_1"},
        {"service": "another"},
    ]
    for changes in asked:
        query = logs.query(**changes)
        assert [each for each in everything if fits(query, each)] == await logs.store.records(query)


@pytest.mark.parametrize("kind", [VictoriaLogs, Loki])
@pytest.mark.parametrize("body", [body for body in GARBAGE if body])
async def test_garbage_is_unavailable(kind: type[VictoriaLogs | Loki], body: bytes) -> None:
    with odd_server(answering(body)) as url:
        client = StoreClient("logs", url, seconds=10)
        with pytest.raises(StoreUnavailable, match="did not answer as its API does"):
            await kind(client).records(LogQuery(0, 1, 10))
        await client.close()


async def test_a_store_that_hangs_is_unavailable() -> None:
    with odd_server(silent) as url:
        client = StoreClient("logs", url, seconds=0.2)
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            await VictoriaLogs(client).records(LogQuery(0, 1, 10))
        await client.close()


async def test_victorialogs_asks_for_its_password(tmp_path: Path) -> None:
    flags = (f"-httpAuth.username={logins.USER}", f"-httpAuth.password={PASSWORD}")
    with stores.victorialogs(tmp_path, *flags) as url:
        right = StoreClient("logs", url, seconds=30, login=Login(logins.USER, PASSWORD))
        wrong = StoreClient("logs", url, seconds=30)
        assert await VictoriaLogs(right).records(LogQuery(0, 1, 10)) == []
        with pytest.raises(StoreUnavailable, match="answered 401"):
            await VictoriaLogs(wrong).records(LogQuery(0, 1, 10))
        await right.close()
        await wrong.close()
