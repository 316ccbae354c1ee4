"""Adoption changes nothing that outlives a response: connections, the lifespan, the middleware stack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from fastapi import Depends, FastAPI, HTTPException, Response, WebSocket, WebSocketException
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.exceptions import WebSocketException as StarletteWebSocketException
from starlette.requests import ClientDisconnect
from starlette.types import Message

import otel
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import Answer, request, scope_of
from tests.otel.http.situations import RESPONSE_START, Raises, plain

Endpoint = Callable[[WebSocket], Awaitable[None]]
OURS = {b"x-request-id", b"traceresponse"}


async def echoes(connection: WebSocket) -> None:
    await connection.accept(headers=[(b"x-mine", b"1")])
    while True:  # ends with the WebSocketDisconnect that nobody catches
        await connection.send_text(await connection.receive_text())


async def refuses(connection: WebSocket) -> None:
    await connection.close(4001, "not today")


async def denies(connection: WebSocket) -> None:
    await connection.send_denial_response(PlainTextResponse("no", status_code=403))


async def fails_at_once(_connection: WebSocket) -> None:
    raise ValueError("before the handshake")


async def fails_later(connection: WebSocket) -> None:
    await connection.accept()
    raise ValueError("after the handshake")


async def policy(connection: WebSocket) -> None:
    await connection.accept()
    raise WebSocketException(1008, "policy")


async def refuses_as_http(_connection: WebSocket) -> None:
    raise HTTPException(403)


CONNECTIONS: dict[str, tuple[Endpoint, int]] = {
    "an echo whose client disconnects": (echoes, 0),
    "refused": (refuses, 0),
    "refused with a response": (denies, 0),
    "fails before the handshake": (fails_at_once, 1),
    "fails after it": (fails_later, 1),
    "closed by a WebSocketException": (policy, 0),
    "an HTTP refusal": (refuses_as_http, 0),
}


def serving(endpoint: Endpoint) -> FastAPI:
    app = FastAPI()
    app.websocket("/rooms/{room}")(endpoint)
    return app


def without_ours(message: Message) -> Message:
    if "headers" not in message:
        return message
    return {**message, "headers": [pair for pair in message["headers"] if pair[0].lower() not in OURS]}


async def connected(app: FastAPI, path: str = "/rooms/7") -> tuple[list[Message], str]:
    """Returns what the server gets from one connection that sends hello and disconnects."""
    waiting: list[Message] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.disconnect", "code": 1001},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {**scope_of("websocket", path, (), ""), "extensions": {"websocket.http.response": {}}}
    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - like a server
        return [without_ours(each) for each in sent], repr(error)
    return [without_ours(each) for each in sent], ""


@pytest.mark.parametrize(("endpoint", "reports"), CONNECTIONS.values(), ids=CONNECTIONS.keys())
async def test_a_connection_behaves_as_without_telemetry(endpoint: Endpoint, reports: int) -> None:
    expected = await connected(serving(endpoint))
    with capture_telemetry() as captured:
        app = serving(endpoint)
        otel.instrument(app)

        assert await connected(app) == expected
        assert [event["transaction"] for event in captured.errors] == ["WS /rooms/{room}"] * reports
        assert [span.name for span in captured.spans] == ["WS /rooms/{room}"]


async def test_a_connection_that_middleware_rejects_is_reported() -> None:
    def build() -> FastAPI:
        app = serving(echoes)
        app.add_middleware(Raises, error=StarletteWebSocketException(1008, "no"))
        return app

    expected = await connected(build())
    with capture_telemetry() as captured:
        app = build()
        otel.instrument(app)

        assert await connected(app) == expected
        [event] = captured.errors
        assert event["transaction"] == "WS <unmatched>"
        assert event["request"]["method"] == "GET"


Seen = list[tuple[str, object]]


def living(seen: Seen, *, start_fails: bool = False, end_fails: bool = False) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        seen.append(("starts", app.title))
        if start_fails:
            raise ValueError("no database")
        yield {"pool": 1}
        seen.append(("ends", app.title))
        if end_fails:
            raise ValueError("no goodbye")

    return FastAPI(title="living", lifespan=lifespan)


async def lifespan_of(app: FastAPI) -> tuple[list[str], dict[str, object], str]:
    """Runs startup and shutdown; returns the types of messages, the state for requests and what is raised."""
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []
    state: dict[str, object] = {}

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message["type"])

    try:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}, receive, send)
    except Exception as error:  # noqa: BLE001 - like a server
        return sent, state, repr(error)
    return sent, state, ""


@pytest.mark.parametrize(("start_fails", "end_fails"), [(False, False), (True, False), (False, True)])
async def test_the_lifespan_runs_as_without_telemetry(*, start_fails: bool, end_fails: bool) -> None:
    bare: Seen = []
    watched: Seen = []
    expected = await lifespan_of(living(bare, start_fails=start_fails, end_fails=end_fails))
    with capture_telemetry():
        app = living(watched, start_fails=start_fails, end_fails=end_fails)
        otel.instrument(app)

        assert await lifespan_of(app) == expected
        assert watched == bare


async def test_what_the_server_raises_reaches_the_application_and_comes_back(captured: Captured) -> None:
    """A server that follows the specification raises OSError from `send` once the client has disconnected."""
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b"more"

        return StreamingResponse(parts())

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    otel.instrument(app)
    scope = {**scope_of("http", "/stream", (), ""), "asgi": {"spec_version": "2.4"}, "method": "GET"}
    with pytest.raises(ClientDisconnect):
        await app(scope, receive, send)

    assert captured.errors == []
    assert [record.attributes["outcome"] for record in captured.logs] == ["disconnected"]


async def test_a_cancelled_request_stays_cancelled_despite_an_exception_handler(captured: Captured) -> None:
    app = FastAPI()
    waits = asyncio.Event()

    @app.get("/wait")
    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    @app.exception_handler(Exception)
    async def mine(_request: object, _error: Exception) -> Response:
        return PlainTextResponse("mine")

    otel.instrument(app)
    running = asyncio.create_task(request(app, "/wait"))
    await waits.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert captured.errors == []


async def test_middleware_that_is_added_later_is_covered_as_well(captured: Captured) -> None:
    app = plain()
    otel.instrument(app)
    app.add_middleware(Raises, error=ValueError("first of all"))
    answer = Answer()
    with pytest.raises(ValueError, match="first of all"):
        await request(app, "/x/1", answer=answer)

    assert answer.status == 500
    assert "x-request-id" in answer.headers
    assert len(captured.errors) == len(captured.spans) == 1


async def test_the_request_id_in_the_response_is_the_one_in_telemetry(captured: Captured) -> None:
    app = FastAPI(dependencies=[Depends(lambda: None)])

    @app.get("/x")
    async def x() -> Response:
        return PlainTextResponse("x", headers={"X-Request-ID": "upstream-7"})

    otel.instrument(app)
    answer = await request(app, "/x", headers=[("X-Request-ID", "mine")])

    assert [value for name, value in answer.messages[0]["headers"] if name == b"x-request-id"] == [
        b"upstream-7"
    ]
    assert captured.spans[0].attributes["request_id"] == "upstream-7"
    assert captured.logs[-1].attributes["request_id"] == "upstream-7"
    assert answer.messages[0]["type"] == RESPONSE_START


async def test_the_servers_record_of_a_reported_error_is_held_back_and_counted(captured: Captured) -> None:
    """uvicorn logs what is raised to it, as here; a different error is logged as usual."""
    app = plain()
    otel.instrument(app)
    server = logging.getLogger("uvicorn.error")
    for path, status in (("/fails", 500), ("/x/1", 200)):
        answer = Answer()
        try:
            await request(app, path, answer=answer)
        except ValueError as error:
            server.error("Exception in ASGI application", exc_info=error)
        assert answer.status == status
    server.error("Exception in ASGI application", exc_info=ValueError("another"))

    errors = [
        record.attributes["exception.message"] for record in captured.logs if record.severity == "ERROR"
    ]
    assert errors == ["x", "another"]
    assert captured.value("telemetry.log_records.held_back", {"reason": "repeated"}) == 1
