"""The access line of each request: its content, under the names of the semantic conventions."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from pkgutil import iter_modules

import pytest
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as incubating

from otel.libraries.slow_query import log_slow
from otel.testing import Captured
from tests.otel.asgi import request, websocket
from tests.otel.service import instrumented

# The conventions have no name for these: fields of a log record, the platform's own, and durations.
OWN = {"level", "event", "logger", "timestamp", "request_id", "trace_id", "span_id", "duration_ms", "outcome"}
OWN |= {"close_code", "query_shape", "query_hash"}


def conventional() -> set[str]:
    """Returns the name of every attribute that the semantic conventions define."""
    modules = [
        import_module(f"{package.__name__}.{each.name}")
        for package in (stable, incubating)
        for each in iter_modules(package.__path__)
    ]
    return {value for module in modules for value in vars(module).values() if isinstance(value, str)}


async def test_the_line_describes_the_request_and_its_outcome(captured: Captured) -> None:
    await request(instrumented(), "/nowhere/ada@school.example", query="token=abc")

    access = json.loads(captured.lines[-1])
    assert access.pop("duration_ms") > 0
    for name in ("timestamp", "request_id", "trace_id", "span_id", "service.name"):
        access.pop(name)
    assert access == {
        "level": "info",
        "event": "request",
        "logger": "access",
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "http.route": "<unmatched>",
        "url.path": "/nowhere/[redacted]",
        "http.request.body.size": 0,
        "http.response.body.size": 22,
        "outcome": "completed",
    }


async def test_without_a_response_there_is_no_status(captured: Captured) -> None:
    app = instrumented()
    running = asyncio.create_task(request(app, "/wait"))
    await app.state.waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    access = captured.logs[-1].attributes
    assert access["outcome"] == "cancelled"
    assert "http.response.status_code" not in access


async def test_our_lines_use_the_names_of_the_conventions(captured: Captured) -> None:
    app = instrumented()
    await request(app, "/api/v1/courses/c1/fail", method="POST", body=b'{"text":"x"}')
    await request(app, "/nowhere")
    await websocket(app, "/rooms/7", "hello")
    log_slow("mongodb", "find", "courses", 1.5, "{}", 3)

    lines = [json.loads(line) for line in captured.lines]
    assert {line["logger"] for line in lines} >= {"access", "error", "slow_query"}
    own = {name for line in lines if line["logger"] in {"access", "error", "slow_query"} for name in line}
    assert own - OWN <= conventional()
