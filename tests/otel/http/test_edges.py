"""Edge cases of requests: bodies without a length, mounted services, foreign statuses, garbage."""

from __future__ import annotations

import gc
import json
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

import otel
from otel.testing import Captured
from tests.otel.asgi import request, websocket
from tests.otel.service import Boom, instrumented

ROUNDS = 20
Sending = Callable[[FastAPI], Awaitable[None]]


class Refusal(Exception):  # noqa: N818 - a refusal, not an error
    """A service's own refusal."""

    status = 409


class RefusingMiddleware:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raise Refusal("not today")
        await self.app(scope, receive, send)


class ForeignError(Exception):
    """An exception that a client library raises for another service's response."""

    status_code = 404


def servers(captured: Captured) -> list[str]:
    return [span.name for span in captured.spans if span.kind == "SERVER"]


async def test_a_body_without_an_announced_length_is_counted_as_it_is_read(captured: Captured) -> None:
    json_body = [("Content-Type", "application/json")]
    await request(instrumented(), "/echo", method="POST", body=b'{"a":"b"}', headers=json_body)

    [received] = captured.metrics["http.server.request.body.size"]
    assert received.total == 9


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param("018f4b7a-3c5d-7e2a-9b1f-2d3c4e5f6a7b", True, id="UUID"),
        pytest.param("01HYX3Q9ZJ8K7M6N5P4R3S2T1V", True, id="ULID"),
        pytest.param("4111111111111111", False, id="card number"),
        pytest.param("dGhpcyBpcyBhIHNlY3JldCB0b2tlbjEyMw", False, id="token"),
        pytest.param("ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", False, id="key of a known maker"),
    ],
)
async def test_a_secret_is_not_accepted_as_a_request_id(captured: Captured, sent: str, *, kept: bool) -> None:
    answer = await request(instrumented(), "/stream", headers=[("X-Request-ID", sent)])

    given = answer.headers["x-request-id"]
    [span], [record] = captured.spans, captured.logs
    assert (given == sent) is kept
    assert given == span.attributes["request_id"] == record.attributes["request_id"]


async def test_an_instrumented_application_mounted_in_another_adds_no_second_span(
    captured: Captured,
) -> None:
    inner, outer = FastAPI(), FastAPI()

    @inner.get("/reports/{report_id}")
    async def report(report_id: str) -> str:
        return report_id

    otel.instrument(inner)
    outer.mount("/inner", inner)
    otel.instrument(outer)
    answer = await request(outer, "/inner/reports/7")

    assert servers(captured) == ["GET /inner/reports/{report_id}"]
    assert captured.value("http.server.request.duration") == 1
    assert [name for name, _ in answer.messages[0]["headers"]].count(b"x-request-id") == 1


async def test_a_service_called_within_a_request_has_its_own_span(captured: Captured) -> None:
    called, caller = FastAPI(), FastAPI()

    @called.get("/answer")
    async def answer() -> str:
        return "yes"

    @caller.get("/ask")
    async def ask() -> str:
        transport = httpx.ASGITransport(called)
        async with httpx.AsyncClient(transport=transport, base_url="http://called") as client:
            return (await client.get("/answer")).text

    otel.instrument(called)
    otel.instrument(caller)
    await request(caller, "/ask")

    assert sorted(servers(captured)) == ["GET /answer", "GET /ask"]


async def test_a_refusal_outside_the_handlers_is_not_an_error(captured: Captured) -> None:
    def render(scope: Scope, error: Exception) -> Response:  # noqa: ARG001 - the renderer's signature
        return JSONResponse({}, status_code=error.status if isinstance(error, Refusal) else 500)

    app = FastAPI()
    app.add_middleware(RefusingMiddleware)
    otel.instrument(app, render_error=render)
    answer = await request(app, "/anything")

    assert (answer.status, captured.errors, captured.spans[0].status) == (409, [], "UNSET")
    assert [record.body for record in captured.logs] == ["request"]


async def test_the_status_of_another_service_is_not_taken_for_ours(captured: Captured) -> None:
    app = FastAPI()

    @app.get("/proxy")
    async def proxy() -> None:
        raise ForeignError("upstream has none")

    otel.instrument(app, render_error=otel.render_problem)
    answer = await request(app, "/proxy")

    assert answer.status == 500
    assert [event["fingerprint"][1] for event in captured.errors] == ["/proxy"]


async def test_a_stream_has_no_span_per_message(captured: Captured) -> None:
    await request(instrumented(), "/stream")

    assert [span.name for span in captured.spans] == ["GET /stream"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/refused/7", "WS /refused/{room}"), ("/nowhere", "WS")],
    ids=["refused before it was accepted", "unmatched"],
)
async def test_a_websocket_that_never_opens_is_one_span(captured: Captured, path: str, name: str) -> None:
    app = FastAPI()

    @app.websocket("/refused/{room}")
    async def refuse(connection: WebSocket, room: str) -> None:  # noqa: ARG001 - the path has it
        await connection.close(1008)

    otel.instrument(app)
    await websocket(app, path)

    assert servers(captured) == [name]
    assert captured.errors == []
    assert captured.value("websocket.server.active_connections") == 0
    assert captured.value("websocket.server.connection.duration") == 1


async def healthy(app: FastAPI) -> None:
    await request(app, "/api/v1/courses/c1/lessons/l1")


async def failing(app: FastAPI) -> None:
    await request(app, "/api/v1/courses/c1/fail", method="POST", body=json.dumps({"text": "x"}).encode())


async def raising(app: FastAPI) -> None:
    with pytest.raises(Boom):
        await request(app, "/broken-stream")


@pytest.mark.parametrize("send", [healthy, failing, raising], ids=["healthy", "failing", "raising"])
@pytest.mark.usefixtures("captured")
async def test_a_request_leaves_nothing_for_the_garbage_collector(send: Sending) -> None:
    """A cycle around the scope would keep every request in memory until the collector runs."""
    app = instrumented()
    await send(app)
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            await send(app)
        assert gc.collect() == 0
    finally:
        gc.enable()
