"""Exactly one SERVER span per request, whatever path the request takes."""

from __future__ import annotations

import asyncio
import json

import pytest
from fastapi import FastAPI
from opentelemetry import trace

import otel
from otel.testing import Captured
from otel.testing.captured import CapturedSpan
from tests.otel.asgi import Answer, request, websocket
from tests.otel.service import Boom, build, instrumented

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(name="app")
def _app(captured: Captured) -> FastAPI:
    app = instrumented()
    app.state.captured = captured
    return app


def server_span(captured: Captured) -> CapturedSpan:
    spans = [span for span in captured.spans if span.kind == "SERVER"]
    assert len(spans) == 1, [span.name for span in spans]
    return spans[0]


@pytest.mark.parametrize(
    ("method", "path", "name", "route", "status"),
    [
        pytest.param("POST", "/echo", "POST /echo", "/echo", 422, id="plain"),
        pytest.param(
            "GET",
            "/api/v2/courses/c1/lessons/l1",
            "GET /api/v2/courses/{course_id}/lessons/{lesson_id}",
            "/api/v2/courses/{course_id}/lessons/{lesson_id}",
            200,
            id="nested routers",
        ),
        pytest.param(
            "GET",
            "/tenants/t1/reports/r1",
            "GET /tenants/{tenant}/reports/{report_id}",
            "/tenants/{tenant}/reports/{report_id}",
            200,
            id="mounted application",
        ),
        pytest.param("GET", "/stream", "GET /stream", "/stream", 200, id="streaming"),
        pytest.param("GET", "/nowhere/1", "GET", None, 404, id="unmatched"),
        pytest.param("BREW", "/stream", "HTTP /stream", "/stream", 405, id="unknown method"),
        pytest.param("BREW", "/nowhere", "HTTP", None, 404, id="unknown method, unmatched"),
        pytest.param("GET", "/openapi.json", "GET /openapi.json", "/openapi.json", 200, id="plain route"),
        pytest.param("GET", "/stream/", "GET", None, 307, id="redirect of a slash"),
        pytest.param("GET", "/middleware-fails", "GET", None, 500, id="error in middleware"),
        pytest.param(
            "GET",
            "/api/v1/courses/c1/refuse",
            "GET /api/v1/courses/{course_id}/refuse",
            "/api/v1/courses/{course_id}/refuse",
            404,
            id="refusal",
        ),
    ],
)
async def test_one_server_span_under_its_route(
    app: FastAPI, captured: Captured, method: str, path: str, name: str, route: str | None, status: int
) -> None:
    answer = await request(app, path, method=method)

    span = server_span(captured)
    assert answer.status == status
    assert span.name == name
    assert span.attributes.get("http.route") == route
    assert span.attributes["http.response.status_code"] == status
    assert span.scope == "opentelemetry.instrumentation.fastapi"


async def test_the_span_continues_the_callers_trace(app: FastAPI, captured: Captured) -> None:
    answer = await request(
        app, "/api/v1/courses/c1/lessons/l1", headers=[("traceparent", TRACEPARENT), ("X-Request-ID", "abc")]
    )

    span = server_span(captured)
    inside = next(each for each in captured.spans if each.name == "inside")
    assert (span.trace_id, span.parent_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert inside.parent_id == span.span_id
    assert answer.headers["x-request-id"] == "abc"
    assert answer.headers["traceresponse"].startswith(f"00-{span.trace_id}-{span.span_id}-")


async def test_a_span_that_leaks_into_the_server_does_not_become_the_parent(
    app: FastAPI, captured: Captured
) -> None:
    with trace.get_tracer("tests").start_as_current_span("leaked"):
        await request(app, "/stream")

    assert server_span(captured).parent_id is None


async def test_an_error_is_on_the_span_once_and_answered_as_a_problem(
    app: FastAPI, captured: Captured
) -> None:
    answer = await request(app, "/api/v1/courses/c1/fail", method="POST")

    span = server_span(captured)
    problem = json.loads(answer.body)
    assert span.status == "ERROR"
    assert span.attributes["error.type"] == "Boom"
    assert [event.attributes["exception.message"] for event in span.events] == ["as expected"]
    assert (problem["status"], problem["trace_id"]) == (500, span.trace_id)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_error_in_the_middle_of_a_response_reaches_the_server(
    app: FastAPI, captured: Captured
) -> None:
    with pytest.raises(Boom):
        await request(app, "/broken-stream")

    span = server_span(captured)
    assert span.status == "ERROR"
    assert span.attributes["error.type"] == "Boom"
    assert [event.name for event in span.events] == ["exception"]
    assert [error["transaction"] for error in captured.errors] == ["GET /broken-stream"]


async def test_a_websocket_is_one_span(app: FastAPI, captured: Captured) -> None:
    answer = await websocket(app, "/rooms/7", "hello", code=1001)

    span = server_span(captured)
    assert span.name == "WS /rooms/{room}"
    assert span.status == "UNSET"
    assert "http.response.status_code" not in span.attributes
    assert "x-request-id" in answer.headers
    assert captured.value("websocket.server.connection.duration", {"http.route": "/rooms/{room}"}) == 1
    assert captured.value("http.server.request.duration") == 0


async def test_a_failing_websocket_is_an_error(app: FastAPI, captured: Captured) -> None:
    with pytest.raises(Boom):
        await websocket(app, "/rooms/7", "fail")

    assert server_span(captured).status == "ERROR"
    assert server_span(captured).attributes["error.type"] == "Boom"
    assert [event.name for event in server_span(captured).events] == ["exception"]
    assert len(captured.errors) == 1


async def test_a_background_task_has_a_span_of_its_own(app: FastAPI, captured: Captured) -> None:
    app.state.release.set()
    await request(app, "/background")

    background = next(span for span in captured.spans if span.kind == "INTERNAL")
    assert background.parent_id == server_span(captured).span_id
    assert background.name == "background tests.otel.service.background.<locals>.later"


async def test_a_client_disconnect_is_not_an_error(app: FastAPI, captured: Captured) -> None:
    await request(app, "/endless", leaves_after=3)

    assert server_span(captured).status == "UNSET"
    assert captured.errors == []
    assert [record.attributes["outcome"] for record in captured.logs] == ["disconnected"]


async def test_a_client_disconnect_before_the_body_is_not_an_error(app: FastAPI, captured: Captured) -> None:
    await request(app, "/echo", method="POST", leaves_after=0)

    assert server_span(captured).status == "UNSET"
    assert captured.errors == []
    assert captured.value("http.server.request.duration", {"error.type": "disconnected"}) == 1


async def test_a_cancelled_request_is_not_an_error_and_stays_cancelled(
    app: FastAPI, captured: Captured
) -> None:
    running = asyncio.create_task(request(app, "/wait"))
    await app.state.waiting.wait()
    assert captured.value("http.server.active_requests") == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    span = server_span(captured)
    assert (span.name, span.status, list(span.events)) == ("GET /wait", "UNSET", [])
    assert captured.errors == []
    assert captured.value("http.server.request.duration", {"error.type": "cancelled"}) == 1
    assert captured.value("http.server.active_requests") == 0


async def test_an_excluded_path_has_neither_span_nor_access_log(app: FastAPI, captured: Captured) -> None:
    answer = await request(app, "/livez")

    assert (answer.status, captured.spans, captured.logs) == (200, [], [])
    assert "x-request-id" in answer.headers


def test_an_application_is_instrumented_once(app: FastAPI) -> None:
    with pytest.raises(RuntimeError, match="already instrumented"):
        otel.instrument(app)


@pytest.mark.usefixtures("captured")
async def test_an_application_that_already_serves_is_rejected() -> None:
    app = build()
    await request(app, "/livez")
    with pytest.raises(RuntimeError, match="before it starts"):
        otel.instrument(app)


async def test_a_renderer_that_fails_is_replaced(captured: Captured) -> None:
    app = build()

    def broken(scope: object, error: Exception) -> object:
        raise RuntimeError(f"cannot render {error} of {scope}"[:20])

    otel.instrument(app, render_error=broken)  # type: ignore[arg-type]  # a renderer that never answers
    answer = await request(app, "/api/v1/courses/c1/fail", method="POST")

    assert answer.status == 500
    assert "render_error_failed" in [record.body for record in captured.logs]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc.DEF_1-2", True),
        ("a" * 65, False),
        ("a b", False),
        ("a\r\nX-Evil: 1", False),
        ("ü", False),
        ("", False),
    ],
)
async def test_a_request_id_is_accepted_only_if_it_is_harmless(
    app: FastAPI,
    sent: str,
    kept: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = await request(app, "/livez", headers=[("X-Request-ID", sent)])

    assert (answer.headers["x-request-id"] == sent) is kept
    assert len(answer.headers["x-request-id"]) <= 64


async def test_two_requests_at_once_do_not_mix(app: FastAPI, captured: Captured) -> None:
    answers: list[Answer] = await asyncio.gather(
        *(
            request(app, f"/api/v1/courses/c{number}/lessons/l", headers=[("X-Request-ID", f"r{number}")])
            for number in range(20)
        )
    )

    access = {
        record.attributes["request_id"]: record.trace_id
        for record in captured.logs
        if record.body == "request"
    }
    inside = {
        record.attributes["request_id"]: record.trace_id
        for record in captured.logs
        if record.body == "lesson_read"
    }
    assert len(answers) == len(access) == 20
    assert access == inside
