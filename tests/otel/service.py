"""A small application with a route for every way in which a request can end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Request,
    WebSocket,
)
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from starlette.types import ASGIApp, Receive, Scope, Send

import otel

log = otel.get_logger(service="courses")
tracer = trace.get_tracer("tests")
courses = APIRouter(prefix="/courses/{course_id}")
lessons = APIRouter(prefix="/lessons")


class Boom(Exception):  # noqa: N818 - a distinctive name in fingerprints
    """Raised on purpose."""


async def student() -> None:
    """Stands in for authentication."""
    otel.set_user("usr_1", "student")


@lessons.get("/{lesson_id}")
async def lesson(course_id: str, lesson_id: str) -> dict[str, str]:
    with tracer.start_as_current_span("inside"):
        log.info("lesson_read", lesson_id=lesson_id)
    return {"course": course_id, "lesson": lesson_id}


@courses.post("/fail", dependencies=[Depends(student)])
async def fail(course_id: str, text: Annotated[str, Body(embed=True)] = "as expected") -> None:
    otel.breadcrumb("lms.enrolled", course_id=course_id, password="hunter2-in-breadcrumb")
    otel.set_tag("attempt", "2")
    log.info("about to fail", extra_text=text)
    raise Boom(text)


@courses.get("/refuse")
async def refuse(course_id: str) -> None:
    raise HTTPException(404, f"no course {course_id}")


@courses.get("/unavailable")
async def unavailable(course_id: str) -> None:
    raise HTTPException(503, f"no database for {course_id}")


courses.include_router(lessons)


def parts(*, fails: bool = False) -> AsyncIterator[bytes]:
    async def produce() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            if fails and number == 1:
                raise Boom("half an answer")
            yield b"0123456789"

    return produce()


streams = APIRouter()


@streams.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(parts())


@streams.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    return StreamingResponse(parts(fails=True))


@streams.get("/endless")
async def endless() -> StreamingResponse:
    async def produce() -> AsyncIterator[bytes]:
        while True:
            yield b"more"
            await asyncio.sleep(0)

    return StreamingResponse(produce())


@streams.websocket("/rooms/{room}")
async def room(connection: WebSocket, room: str) -> None:
    await connection.accept()
    async for text in connection.iter_text():
        if text == "fail":
            raise Boom(room)
        await connection.send_text(text)


plain = APIRouter()


@plain.get("/background")
async def background(
    request: Request, tasks: BackgroundTasks, x_fails: Annotated[str, Header()] = ""
) -> None:
    async def later() -> None:
        await request.app.state.release.wait()
        if x_fails:
            raise Boom("in the background")

    tasks.add_task(later)


@plain.get("/wait")
async def wait(request: Request) -> None:
    request.app.state.waiting.set()
    await request.app.state.release.wait()


@plain.post("/echo")
async def echo(body: dict[str, str]) -> dict[str, str]:
    return body


@plain.get("/livez")
async def livez() -> str:
    return "ok"


mounted = FastAPI()


@mounted.get("/reports/{report_id}")
async def report(report_id: str) -> str:
    return report_id


def build() -> FastAPI:
    """Builds the application, not yet instrumented; `release` lets waiting handlers go on."""
    app = FastAPI()
    app.include_router(courses, prefix="/api/v1")
    app.include_router(courses, prefix="/api/v2")
    app.include_router(streams)
    app.include_router(plain)
    app.mount("/tenants/{tenant}", mounted)
    app.state.release = asyncio.Event()
    app.state.waiting = asyncio.Event()
    return app


class FailingMiddleware:
    """Raises before routing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/middleware-fails":
            raise Boom("before routing")
        await self.app(scope, receive, send)


def instrumented() -> FastAPI:
    """Builds the application, instrumented as in a service."""
    app = build()
    app.add_middleware(FailingMiddleware)
    otel.instrument(app, render_error=otel.render_problem)
    return app
