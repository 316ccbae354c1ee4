"""Applications as people write them, each with its own way to respond, fail or end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Host, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

Next = Callable[[Request], Awaitable[Response]]
RESPONSE_START = "http.response.start"


class Teapot(Exception):  # noqa: N818 - a refusal, not an error
    """A service's own refusal."""


def plain() -> FastAPI:
    """Answers, refuses, redirects, validates."""
    app = FastAPI()

    @app.get("/x/{number}")
    async def x(number: int) -> dict[str, int]:
        return {"number": number}

    @app.get("/refused")
    async def refused() -> None:
        raise HTTPException(409, {"why": "full"}, headers={"X-Why": "full"})

    @app.get("/teapot")
    async def teapot() -> None:
        raise Teapot

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("x")

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503)

    @app.exception_handler(Teapot)
    async def short_and_stout(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("short and stout", status_code=418)

    return app


def debugging() -> FastAPI:
    """Shows tracebacks."""
    app = plain()
    app.debug = True
    return app


def handled(key: int | type[Exception] = Exception, status: int = 503, *, blocking: bool = False) -> FastAPI:
    """Handles every error itself."""
    app = plain()

    async def mine(request: Request, error: Exception) -> Response:
        return JSONResponse({"mine": str(error), "path": request.url.path}, status_code=status)

    def mine_in_a_thread(request: Request, error: Exception) -> Response:
        return JSONResponse({"mine": str(error), "path": request.url.path}, status_code=status)

    app.add_exception_handler(key, mine_in_a_thread if blocking else mine)
    return app


def broken_handler() -> FastAPI:
    """Fails while it handles an error."""
    app = plain()

    @app.exception_handler(Exception)
    async def worse(_request: Request, error: Exception) -> Response:
        raise LookupError("while answering") from error

    return app


def refusing_middleware(error: Exception) -> FastAPI:
    """Raises in `@app.middleware`, where no handler of the application sees it."""
    app = plain()

    @app.middleware("http")
    async def check(request: Request, call_next: Next) -> Response:
        if request.url.path == "/refused-early":
            raise error
        return await call_next(request)

    return app


class Raises:
    """Pure ASGI middleware that raises before routing."""

    def __init__(self, app: ASGIApp, error: Exception) -> None:
        self._app, self._error = app, error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise self._error
        await self._app(scope, receive, send)


def refusing_asgi(error: Exception) -> FastAPI:
    """Raises in pure ASGI middleware."""
    app = plain()
    app.add_middleware(Raises, error=error)
    return app


def named(header: str, value: str = "upstream-7") -> FastAPI:
    """Responds with headers that telemetry adds as well."""
    app = FastAPI()

    @app.get("/x")
    async def x() -> Response:
        return JSONResponse({}, headers={header: value, "X-Other": "1"})

    return app


def wrapped() -> FastAPI:
    """Has middleware that compresses, checks hosts and changes responses."""
    app = plain()

    async def stamp(request: Request, call_next: Next) -> Response:
        answer = await call_next(request)
        answer.headers["X-Stamp"] = "1"
        return answer

    app.add_middleware(BaseHTTPMiddleware, dispatch=stamp)
    app.add_middleware(GZipMiddleware, minimum_size=1)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["lms.example"])
    return app


def streaming() -> FastAPI:
    """Streams, and fails in the middle of a stream."""
    app = FastAPI()

    async def parts(*, fail: bool) -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            if fail and number:
                raise ValueError("half an answer")
            yield b"0123456789"

    @app.get("/stream")
    async def stream() -> Response:
        return StreamingResponse(parts(fail=False))

    @app.get("/broken")
    async def broken() -> Response:
        return StreamingResponse(parts(fail=True), status_code=200)

    @app.get("/broken-error")
    async def broken_error() -> Response:
        return StreamingResponse(parts(fail=True), status_code=404)

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    return app


async def fails_later() -> None:
    """A background task that fails."""
    raise ValueError("in the background")


def background() -> FastAPI:
    """Has background tasks that succeed or fail, after successful and failed responses."""
    app = FastAPI()

    @app.get("/fine")
    async def fine(tasks: BackgroundTasks) -> int:
        tasks.add_task(asyncio.sleep, 0)
        return 1

    @app.get("/fails")
    async def fails(tasks: BackgroundTasks) -> int:
        tasks.add_task(fails_later)
        return 1

    @app.get("/bad")
    async def bad() -> Response:
        return PlainTextResponse("bad", status_code=500, background=BackgroundTask(fails_later))

    return app


async def late() -> AsyncIterator[int]:
    """A dependency that fails after the response is created."""
    yield 1
    raise ValueError("after the answer")


async def turns() -> AsyncIterator[int]:
    """A dependency that replaces the error with another."""
    try:
        yield 1
    except ValueError:
        raise HTTPException(418) from None


def dependent() -> FastAPI:
    """Has dependencies that fail."""
    app = FastAPI()

    @app.get("/late")
    async def has_late(one: Annotated[int, Depends(late)]) -> int:
        return one

    @app.get("/turned")
    async def has_turned(one: Annotated[int, Depends(turns)]) -> int:
        raise ValueError(one)

    return app


def _raw(*messages: dict[str, object]) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


async def _starlette_fails(request: Request) -> Response:
    raise ValueError(request.url.path)


def mounted() -> FastAPI:
    """Mounts other applications: with and without handlers of their own, static files, plain ASGI."""
    app = FastAPI()
    app.mount("/handled", handled(status=502))
    app.mount("/bare/{tenant}", plain())
    app.mount("/starlette", Starlette(routes=[Route("/fails", _starlette_fails), Mount("/in", plain())]))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))
    app.router.routes.append(Host("api.example", named("X-Other")))
    body: dict[str, object] = {"type": "http.response.body", "body": b"raw"}
    head: dict[str, object] = {"type": RESPONSE_START, "status": 200}
    late: dict[str, object] = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
    app.mount("/raw", _raw(head, body))
    app.mount("/silent", _raw())
    app.mount("/headless", _raw(body))
    app.mount("/trailers", _raw({**head, "trailers": True}, body, late))
    app.mount("/pathsend", _raw(head, {"type": "http.response.pathsend", "path": "/dev/null"}))

    @app.exception_handler(Exception)
    async def mine(_request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"outer: {error}", status_code=500)

    return app
