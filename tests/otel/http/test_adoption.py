"""Adopting `otel` changes nothing: with and without it, each application sends its server the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from fastapi import FastAPI, HTTPException
from starlette.types import Message

import otel
from otel.testing import capture_telemetry
from tests.otel.asgi import Answer, Headers, request
from tests.otel.http import situations as apps

OURS = {b"x-request-id", b"traceresponse"}
Build = Callable[[], FastAPI]


@dataclass(frozen=True)
class Case:
    """A request to an application, and how many error reports it causes; `headless`: no response starts."""

    build: Build
    path: str = "/x"
    method: str = "GET"
    headers: Headers = ()
    reports: int = 0
    leaves_after: int | None = None
    headless: bool = False


def names(messages: Sequence[Message]) -> set[bytes]:
    return {name.lower() for each in messages for name, _ in each.get("headers", ())}


def without_ours(messages: Sequence[Message], expected: Sequence[Message]) -> list[Message]:
    """Returns the messages without the headers that telemetry added to those of the application."""
    added = OURS - names(expected)
    return [
        {**each, "headers": [pair for pair in each.get("headers", ()) if pair[0].lower() not in added]}
        if each["type"] == apps.RESPONSE_START
        else each
        for each in messages
    ]


async def seen_by_the_server(app: FastAPI, case: Case) -> tuple[list[Message], str]:
    """Returns every message to the server, and the repr of what is raised to it."""
    answer = Answer()
    raised = ""
    try:
        await request(
            app,
            case.path,
            method=case.method,
            headers=case.headers,
            leaves_after=case.leaves_after,
            answer=answer,
        )
    except Exception as error:  # noqa: BLE001 - like a server
        raised = repr(error)
    return answer.messages, raised


REFUSAL = HTTPException(401, "no", headers={"X-Why": "no"})
CASES = {
    "an answer": Case(apps.plain, "/x/1"),
    "HEAD": Case(apps.plain, "/x/1", "HEAD"),
    "not found": Case(apps.plain, "/nowhere"),
    "wrong method": Case(apps.plain, "/x/1", "PUT"),
    "invalid": Case(apps.plain, "/x/one"),
    "a slash too many": Case(apps.plain, "/x/1/"),
    "refused": Case(apps.plain, "/refused"),
    "a 503 of its own": Case(apps.plain, "/unavailable"),
    "an error with a handler of its own": Case(apps.plain, "/teapot"),
    "an error without a handler": Case(apps.plain, "/fails", reports=1),
    "the documentation": Case(apps.plain, "/docs"),
    "debug page as text": Case(apps.debugging, "/fails", reports=1),
    "debug page as HTML": Case(apps.debugging, "/fails", headers=[("Accept", "text/html")], reports=1),
    "handler of Exception": Case(apps.handled, "/fails", reports=1),
    "handler of 500": Case(lambda: apps.handled(500), "/fails", reports=1),
    "handler in a thread": Case(lambda: apps.handled(blocking=True), "/fails", reports=1),
    "handler that answers 4xx": Case(lambda: apps.handled(status=422), "/fails"),
    "handler that answers 200": Case(lambda: apps.handled(status=200), "/fails", reports=1),
    "handler that fails": Case(apps.broken_handler, "/fails", reports=1, headless=True),
    "refusal in middleware": Case(lambda: apps.refusing_middleware(REFUSAL), "/refused-early", reports=1),
    "a request that such middleware lets pass": Case(lambda: apps.refusing_middleware(REFUSAL), "/x/1"),
    "refusal in pure ASGI": Case(lambda: apps.refusing_asgi(REFUSAL), "/x/1", reports=1),
    "error in middleware": Case(lambda: apps.refusing_middleware(KeyError(1)), "/refused-early", reports=1),
    "a request id of its own": Case(lambda: apps.named("X-Request-ID")),
    "a request id that we would not accept": Case(lambda: apps.named("X-Request-ID", "a b" * 60)),
    "a trace response of its own": Case(lambda: apps.named("Traceresponse")),
    "middleware of the framework": Case(apps.wrapped, "/x/1", headers=[("Accept-Encoding", "gzip")]),
    "an error behind middleware": Case(apps.wrapped, "/fails", reports=1),
    "a stream": Case(apps.streaming, "/stream"),
    "a stream that breaks": Case(apps.streaming, "/broken", reports=1),
    "a refusal that breaks": Case(apps.streaming, "/broken-error", reports=1),
    "a stream to a client that disconnects": Case(apps.streaming, "/stream", leaves_after=2),
    "a body from a client that disconnects": Case(apps.streaming, "/body", "POST", leaves_after=0),
    "a background task": Case(apps.background, "/fine"),
    "a background task that fails": Case(apps.background, "/fails", reports=1),
    "a background task that fails after a 500": Case(apps.background, "/bad", reports=1),
    "a dependency that fails late": Case(apps.dependent, "/late", reports=1),
    "a dependency that replaces the error": Case(apps.dependent, "/turned"),
    "an error in a mounted application": Case(apps.mounted, "/bare/t1/fails", reports=1),
    "a refusal in a mounted application": Case(apps.mounted, "/bare/t1/refused"),
    "a handler in a mounted application": Case(apps.mounted, "/handled/fails", reports=1),
    "an error in mounted Starlette": Case(apps.mounted, "/starlette/fails", reports=1),
    "two mounts deep": Case(apps.mounted, "/starlette/in/teapot"),
    "a static file": Case(apps.mounted, "/static/__init__.py"),
    "no static file": Case(apps.mounted, "/static/nothing"),
    "by host": Case(apps.mounted, "/x", headers=[("Host", "api.example")]),
    "plain ASGI without headers": Case(apps.mounted, "/raw/"),
    "no answer at all": Case(apps.mounted, "/silent/", headless=True),
    "a body without a head": Case(apps.mounted, "/headless/", headless=True),
    "trailers": Case(apps.mounted, "/trailers/"),
    "a file by its path": Case(apps.mounted, "/pathsend/"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_the_response_and_the_exception_are_the_same(case: Case) -> None:
    expected, raised = await seen_by_the_server(case.build(), case)
    with capture_telemetry() as captured:
        app = case.build()
        otel.instrument(app)

        messages, also_raised = await seen_by_the_server(app, case)
        assert without_ours(messages, expected) == without_ours(expected, expected)
        assert also_raised == raised
        assert names(messages) >= OURS or case.headless
        assert len(captured.errors) == case.reports
        assert [record.body for record in captured.logs].count("unhandled_error") == case.reports
        assert [record.body for record in captured.logs].count("request") == 1
        assert [span.kind for span in captured.spans].count("SERVER") == 1
        assert captured.value("http.server.request.duration") == 1
        assert captured.value("http.server.active_requests") == 0
