from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import otel
from tests.app.infra.stores.odd_server import GARBAGE, answering, odd_server, silent
from tests.app.infra.stores.telemetry_of import send
from tests.app.monitoring.asked.conftest import TOKEN, Serve
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.collector_config import stores
from tests.programs import free_port, wait_until

SCRIPT = """
with tracer.start_as_current_span("enrol") as span:
    answer = format(span.get_span_context().trace_id, "032x")
    log.error("enrolment_failed", request_id="req-1", course_id="tracing")
for number in range(7):
    log.info("page", number=number)
"""


@pytest.fixture(scope="module", name="filled")
def _filled(victorialogs_url: str) -> dict[str, str]:
    """The service and the trace of eight records in the log store."""
    service = f"lms-{secrets.token_hex(4)}"
    trace_id = send(SCRIPT, logs=f"{victorialogs_url}/insert/opentelemetry/v1/logs", service=service)
    wait_until(lambda: len(stores.records(victorialogs_url, f'{{service.name="{service}"}}')) == 8, "stored")
    return {"service": service, "trace_id": trace_id}


async def logs(api: Api, **filters: object) -> httpx.Response:
    query = {name.rstrip("_"): str(value) for name, value in filters.items()}
    return await api.client.get("/monitoring/logs", params=query, headers=TOKEN)


async def listed(api: Api, **filters: object) -> dict[str, Any]:
    answer = await logs(api, **filters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_records_are_found_by_what_a_problem_names(
    serve: Serve, victorialogs_url: str, filled: dict[str, str]
) -> None:
    async with serve(victorialogs_url=victorialogs_url) as api:
        found = await listed(api, request_id="req-1", **filled)
        assert (found["partial"], found["missing"], found["reasons"]) == (False, [], [])
        assert (found["source"], found["next_cursor"]) == ("victorialogs", None)
        [record] = found["records"]
        assert record["level"] == "error"
        assert record["event"] == "enrolment_failed"
        assert record["trace_id"] == filled["trace_id"]
        assert record["fields"] == {"course_id": "tracing"}
        assert record["time"].endswith("Z")
        assert (record["user"], record["error"]) == (None, None)
        upper = await listed(api, trace_id=filled["trace_id"].upper(), level="warning")
        assert upper["records"] == [record]


async def test_pages_have_every_record_once_and_the_newest_first(
    serve: Serve, victorialogs_url: str, filled: dict[str, str]
) -> None:
    async with serve(victorialogs_url=victorialogs_url) as api:
        everything = (await listed(api, service=filled["service"]))["records"]
        assert [each["fields"].get("number") for each in everything] == [*map(str, reversed(range(7))), None]
        seen: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await listed(api, service=filled["service"], limit=3, **cursor)
            seen += page["records"]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == everything


async def test_a_cursor_of_other_filters_or_of_nothing_is_refused(
    serve: Serve, victorialogs_url: str, filled: dict[str, str]
) -> None:
    async with serve(victorialogs_url=victorialogs_url) as api:
        cursor = (await listed(api, service=filled["service"], limit=3))["next_cursor"]
        for wrong in (cursor[:-1], cursor[1:], "x", "!", "", "A" * 48, cursor + "AAAA"):
            answer = await logs(api, service=filled["service"], cursor=wrong)
            assert_problem(answer, 422, "cursor_invalid", "query.cursor")
        for filters in ({}, {"service": "lms"}, {"service": filled["service"], "since": "2h"}):
            answer = await logs(api, cursor=cursor, **filters)
            assert_problem(answer, 422, "cursor_invalid", "query.cursor")
        too_long = await logs(api, service=filled["service"], cursor="A" * 1501)
        assert_problem(too_long, 422, "validation_failed", "query.cursor")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=1000000000", ["query.limit"]),
        ("limit=0", ["query.limit"]),
        ("limit=ten", ["query.limit"]),
        ("since=-1h", ["query.since"]),
        ("since=PT1H", ["query.since"]),
        ("since=99999999999d", ["query.since"]),
        ("since=31d", ["query.since"]),
        ("from=yesterday", ["query.from"]),
        ("from=2026-01-05", ["query.from"]),
        ("from=1767600000", ["query.from"]),
        ("from=2026-01-05T09:00:00", ["query.from"]),
        ("from=2026-01-05T09:00:00+00:00", ["query.from"]),  # the plus is a space
        ("from=2026-99-05T09:00:00Z", ["query.from"]),
        ("from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z", ["query.from", "query.to"]),
        ("to=9999-12-31T23:59:59Z", ["query.to"]),
        ("from=2026-01-06T00:00:00Z&to=2026-01-05T00:00:00Z", ["query.from"]),
        ("from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", ["query.from"]),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&since=1h", ["query.since"]),
        ("level=loud", ["query.level"]),
        ("trace_id=1", ["query.trace_id"]),
        ("service=", ["query.service"]),
        (f"text={'a' * 501}", ["query.text"]),
        ("text=%00", ["query.text"]),
        ("levle=error", ["query.levle"]),
        ("query=*&unknown=1", ["query.query", "query.unknown"]),
        ("level=error&level=info", ["query.level"]),
    ],
)
async def test_a_wrong_parameter_is_named(serve: Serve, query: str, fields: list[str]) -> None:
    async with serve() as api:
        answer = await api.client.get(f"/monitoring/logs?{query}", headers=TOKEN)
        assert_problem(answer, 422, "validation_failed", *fields)


async def test_what_is_wrong_says_what_to_do(serve: Serve) -> None:
    async with serve() as api:

        async def said(query: str) -> str:
            answer = await api.client.get(f"/monitoring/logs?{query}", headers=TOKEN)
            message: str = answer.json()["errors"][0]["message"]
            return message

        assert await said("levle=error") == "Not a parameter of this operation: did you mean level?"
        assert "it has cursor, from, level" in await said("qqqqqqqq=1")
        assert "must be a duration such as 90s, 15m" in await said("since=soon")
        assert "(RFC 3339); write + as %2B" in await said("from=2026-01-05T09:00:00+00:00")
        assert "less than or equal to 500" in await said("limit=1000000000")


@pytest.mark.parametrize(
    "text", ['"} | drop', "' or 1=1 --", "* | delete", "`", "\\", "%", "é\U0001f600", "(?"]
)
async def test_hostile_text_finds_nothing_and_breaks_nothing(
    serve: Serve, victorialogs_url: str, filled: dict[str, str], text: str
) -> None:
    async with serve(victorialogs_url=victorialogs_url) as api:
        for name in ("text", "service", "logger", "request_id", "user"):
            found = await api.client.get(f"/monitoring/logs?{name}={quote(text)}", headers=TOKEN)
            assert found.status_code == 200, found.text
            assert (found.json()["records"], found.json()["partial"]) == ([], False)
        assert len((await listed(api, service=filled["service"]))["records"]) == 8


async def test_without_the_log_store_this_process_shows_what_it_remembers(serve: Serve) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with serve(victorialogs_url=nowhere) as api:
        student = await api.student()
        otel.get_logger("kept").error("something_failed", password="secret", half="\ud800", deep={"a": 1})
        found = await listed(api, logger="kept")
        assert (found["partial"], found["missing"], found["source"]) == (True, ["victorialogs"], "process")
        assert found["reasons"] == [{"source": "victorialogs", "reason": "does not answer (ConnectError)"}]
        [record] = found["records"]
        assert (record["level"], record["event"], record["service"]) == ("error", "something_failed", "lms")
        assert record["fields"] == {"password": "[redacted]", "half": "?", "deep_a": "1"}
        me = await student.get("/users/me")
        [line] = (await listed(api, request_id=me.headers["x-request-id"]))["records"]
        assert (line["user"], line["route"], line["logger"]) == (student.id, "/api/v1/users/me", "access")
        assert len((await listed(api, limit=1))["records"]) == 1


@pytest.mark.parametrize("body", [body for body in GARBAGE if body])
async def test_garbage_from_the_log_store_is_no_error_of_ours(serve: Serve, body: bytes) -> None:
    with odd_server(answering(body)) as url:
        async with serve(victorialogs_url=url) as api:
            found = await listed(api, logger="nothing")
            assert (found["partial"], found["missing"]) == (True, ["victorialogs"])


async def test_a_log_store_that_hangs_costs_no_more_than_its_time(serve: Serve) -> None:
    with odd_server(silent) as url:
        async with serve(loki_url=url, stores_seconds=0.2) as api:
            found = await listed(api, logger="nothing")
            assert found["reasons"] == [{"source": "loki", "reason": "did not answer within 0.2 s"}]


async def test_a_log_store_without_an_address_is_not_configured(serve: Serve) -> None:
    async with serve() as api:
        found = await listed(api, logger="nothing")
        assert (found["partial"], found["missing"], found["source"]) == (True, ["logs"], "process")
        assert "LMS_VICTORIALOGS_URL or LMS_LOKI_URL" in found["reasons"][0]["reason"]


async def test_logs_are_for_operators(serve: Serve) -> None:
    async with serve() as api:
        assert_problem(await api.client.get("/monitoring/logs"), 401, "not_authenticated")
        assert_problem(await (await api.student()).get("/monitoring/logs"), 403, "role_required")
        assert (await (await api.admin()).get("/monitoring/logs")).status_code == 200
