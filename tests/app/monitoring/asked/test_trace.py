from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import httpx
import pytest

import otel
from app.infra.stores.traces import Span, spans_of
from app.monitoring.links import WebLinks
from app.monitoring.timeline import timeline
from app.monitoring.trace import MOST_ENTRIES, merged
from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from tests.app.infra.stores.conftest import PASSWORD
from tests.app.infra.stores.jaegers import RunningJaeger, jaeger
from tests.app.infra.stores.odd_server import GARBAGE, answering, odd_server, silent
from tests.app.infra.stores.telemetry_of import send
from tests.app.monitoring.asked.conftest import TOKEN, Serve
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.collector_config import stores
from tests.programs import free_port, wait_until

SCRIPT = """
from opentelemetry.trace import SpanKind, StatusCode
with tracer.start_as_current_span("POST /enrolments", kind=SpanKind.SERVER) as server:
    answer = format(server.get_span_context().trace_id, "032x")
    log.info("asked", request_id="req-9", **{"user.id": "usr_9"})
    with tracer.start_as_current_span("insert", kind=SpanKind.CLIENT):
        log.warning("slow_query", request_id="req-9")
    try:
        1 / 0
    except ZeroDivisionError as error:
        server.record_exception(error)
        server.set_status(StatusCode.ERROR)
        otel.get_logger("error").error("unhandled_error", exc_info=error, request_id="req-9")
"""
UNKNOWN = "0" * 31 + "1"
ERRORS = "https://errors.example/issues/?query=trace%3A{trace_id}"


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[RunningJaeger]:
    with jaeger() as started:
        yield started


@pytest.fixture(scope="module", name="traced")
def _traced(running: RunningJaeger, victorialogs_url: str) -> str:
    """A trace that both stores have."""
    logs = f"{victorialogs_url}/insert/opentelemetry/v1/logs"
    trace_id = send(SCRIPT, logs=logs, traces=running.otlp, login=logins.basic(PASSWORD))
    url, auth = f"{running.url}/api/v3/traces/{trace_id}", (logins.USER, PASSWORD)
    wait_until(lambda: httpx.get(url, auth=auth, verify=NO_CERTIFICATES).is_success, "the spans are stored")
    wait_until(lambda: len(stores.records(victorialogs_url, f'"trace_id":="{trace_id}"')) == 3, "stored")
    return trace_id


@pytest.fixture(name="asking")
def _asking(running: RunningJaeger, victorialogs_url: str) -> dict[str, object]:
    """The settings that lead to both stores."""
    return {
        "jaeger_url": running.url,
        "victorialogs_url": victorialogs_url,
        "stores_password": PASSWORD,
        "stores_seconds": 20,
        "jaeger_web_url": "http://jaeger.example",
        "error_link": ERRORS,
    }


async def shown(api: Api, trace_id: str) -> dict[str, Any]:
    answer = await api.client.get(f"/monitoring/trace/{trace_id}", headers=TOKEN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def said(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Returns each entry's kind and what it is about."""
    found_in = [(each["kind"], each["span"] or each["log"] or each["error"]) for each in found["entries"]]
    return [(kind, it.get("name") or it.get("event") or it["type"]) for kind, it in found_in]


async def test_a_trace_is_one_timeline_of_all_sources(
    serve: Serve, asking: dict[str, object], traced: str
) -> None:
    async with serve(**asking) as api:
        found = await shown(api, traced)
        assert said(found) == [
            ("span", "POST /enrolments"),
            ("log", "asked"),
            ("span", "insert"),
            ("log", "slow_query"),
            ("error", "ZeroDivisionError"),
            ("log", "unhandled_error"),
        ]
        assert (found["partial"], found["truncated"], found["failed"]) == (False, False, True)
        assert (found["name"], found["services"]) == ("POST /enrolments", ["lms"])
        assert (found["request_id"], found["user"]) == ("req-9", "usr_9")
        offsets = [each["offset_ms"] for each in found["entries"]]
        assert offsets == sorted(offsets)
        assert offsets[0] == 0
        assert offsets[-1] <= found["duration_ms"]
        server, asked, insert, slow, error, _ = found["entries"]
        assert (server["span"]["failed"], server["span"]["parent_id"]) == (True, None)
        assert insert["span"]["parent_id"] == server["span_id"] == asked["span_id"] == error["span_id"]
        assert slow["span_id"] == insert["span_id"]
        assert (slow["log"]["level"], error["error"]["message"]) == ("warning", "division by zero")
        assert "ZeroDivisionError" in error["error"]["stacktrace"]
        assert await shown(api, traced.upper()) == found


async def test_each_entry_says_where_people_open_it(
    serve: Serve, asking: dict[str, object], traced: str
) -> None:
    async with serve(**asking) as api:
        found = await shown(api, traced)
        links = {each["kind"]: each["link"] for each in reversed(found["entries"])}
        span_id = found["entries"][0]["span_id"]
        assert links["span"] == f"http://jaeger.example/trace/{traced}?uiFind={span_id}"
        assert links["error"] == found["links"]["errors"] == ERRORS.replace("{trace_id}", traced)
        assert links["log"] == found["links"]["logs"]
        listed = await api.client.get(f"http://lms.test{links['log']}", headers=TOKEN)
        assert [each["event"] for each in listed.json()["records"]] == [
            "unhandled_error",
            "slow_query",
            "asked",
        ]
    grafana = {"grafana_url": "http://grafana.example", "jaeger_web_url": None, "error_link": None}
    async with serve(**{**asking, **grafana}) as api:
        links = (await shown(api, traced))["links"]
        assert links["trace"].startswith("http://grafana.example/explore?schemaVersion=1&panes=")
        assert (traced in links["trace"], links["errors"]) == (True, None)


async def test_an_unknown_trace_is_not_found_and_an_id_must_be_one(
    serve: Serve, asking: dict[str, object]
) -> None:
    async with serve(**asking) as api:
        answer = await api.client.get(f"/monitoring/trace/{UNKNOWN}", headers=TOKEN)
        assert_problem(answer, 404, "trace_not_found")
        for wrong in ("1", "g" * 32, "0" * 33, f"{UNKNOWN}%20", "%22%7D%20or%20"):
            answer = await api.client.get(f"/monitoring/trace/{wrong}", headers=TOKEN)
            assert answer.status_code in {404, 422}, wrong
            assert answer.json()["code"] in {"validation_failed", "not_found"}
        assert_problem(await api.client.get(f"/monitoring/trace/{UNKNOWN}"), 401, "not_authenticated")


async def test_a_store_that_is_away_leaves_its_part_out(
    serve: Serve, asking: dict[str, object], traced: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with serve(**{**asking, "jaeger_url": nowhere}) as api:
        found = await shown(api, traced)
        assert (found["partial"], found["missing"], found["name"]) == (True, ["jaeger"], None)
        assert [kind for kind, _ in said(found)] == ["log", "log", "log", "error"]
    async with serve(**{**asking, "victorialogs_url": nowhere}) as api:
        found = await shown(api, traced)
        assert (found["partial"], found["missing"]) == (True, ["victorialogs"])
        assert [kind for kind, _ in said(found)] == ["span", "span", "error"]
    async with serve() as api:
        found = await shown(api, traced)
        assert (found["missing"], found["entries"], found["started_at"]) == (["traces", "logs"], [], None)
        assert "LMS_JAEGER_URL or LMS_TEMPO_URL" in found["reasons"][0]["reason"]


async def test_without_the_stores_the_process_shows_its_own_records_of_the_trace(serve: Serve) -> None:
    async with serve() as api:
        me = await (await api.student()).get("/users/me")
        assert me.status_code == 200
        listed = await api.client.get(
            f"/monitoring/logs?request_id={me.headers['x-request-id']}", headers=TOKEN
        )
        [line] = listed.json()["records"]
        assert ("log", "request") in said(await shown(api, line["trace_id"]))


async def test_of_too_many_records_the_newest_are_shown(serve: Serve) -> None:
    async with serve() as api:
        for number in range(700):
            otel.get_logger("many").info(f"event {number}", trace_id=UNKNOWN)
        found = await shown(api, UNKNOWN)
    assert [event for _, event in said(found)] == [f"event {number}" for number in range(200, 700)]
    assert found["truncated"] is True


def spans(count: int) -> bytes:
    """Returns Jaeger's answer about a trace of ``count`` spans, of which the last has an error."""
    made = [
        {
            "spanId": f"{number + 1:016x}",
            "parentSpanId": f"{number:016x}" if number else "",
            "name": f"step {number}",
            "startTimeUnixNano": str(10**18 + number * 1000),
            "endTimeUnixNano": str(10**18 + number * 1000 + 500),
            "attributes": [{"key": key, "value": {"stringValue": "x"}} for key in "abcdef"],
        }
        for number in range(count)
    ]
    made[-1]["events"] = [{"name": "exception", "timeUnixNano": str(10**18 + count * 1000)}]
    scopes = [{"spans": made[::-1]}]
    return json.dumps({"result": {"resourceSpans": [{"scopeSpans": scopes}]}}).encode()


def running_elsewhere() -> set[str]:
    """Returns the names of the functions that other threads are in."""
    found, mine = set(), threading.get_ident()
    for thread, innermost in sys._current_frames().items():
        frame: FrameType | None = innermost if thread != mine else None
        while frame is not None:
            found.add(frame.f_code.co_name)
            frame = frame.f_back
    return found


async def test_the_event_loop_runs_while_a_large_trace_is_read_and_merged(serve: Serve) -> None:
    seen: set[str] = set()

    async def look() -> None:
        while True:
            seen.update(running_elsewhere())
            await asyncio.sleep(0)

    with odd_server(answering(spans(8000))) as url:
        async with serve(jaeger_url=url, stores_seconds=60) as api:
            looking = asyncio.create_task(look())
            found = await shown(api, UNKNOWN)
            looking.cancel()
    assert {spans_of.__name__, merged.__name__} <= seen
    assert said(found) == [("span", f"step {number}") for number in range(MOST_ENTRIES)]
    assert (found["truncated"], found["name"], found["failed"]) == (True, "step 0", True)
    assert found["duration_ms"] == pytest.approx(8, abs=0.001)


class CountingLinks(WebLinks):
    """Counts the entries that are made: each has a link."""

    made = 0

    def trace(self, trace_id: str, start: int, end: int, span_id: str = "") -> str | None:
        CountingLinks.made += bool(span_id)
        return super().trace(trace_id, start, end, span_id)


async def test_only_entries_that_are_shown_are_made() -> None:
    span = Span(
        "a" * 16, "", "step", "internal", "lms", 1, 2, failed=False, status="", attributes={}, events=()
    )
    found = timeline(UNKNOWN, [span] * 5000, [], CountingLinks(None, None, None, has_loki=False), 2000)
    assert (len(found.entries), found.total, CountingLinks.made) == (2000, 5000, 2000)


@pytest.mark.parametrize("body", GARBAGE)
async def test_garbage_from_the_trace_store_is_no_error_of_ours(serve: Serve, body: bytes) -> None:
    with odd_server(answering(body)) as url:
        async with serve(tempo_url=url) as api:
            assert (await shown(api, UNKNOWN))["missing"] == ["tempo", "logs"]


async def test_stores_that_hang_cost_no_more_than_their_time(serve: Serve) -> None:
    with odd_server(silent) as url:
        async with serve(tempo_url=url, loki_url=url, stores_seconds=0.2) as api:
            found = await shown(api, UNKNOWN)
            assert {each["reason"] for each in found["reasons"]} == {"did not answer within 0.2 s"}
