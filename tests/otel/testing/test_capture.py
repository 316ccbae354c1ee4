"""`capture_telemetry` shows the real pipeline's output, the same in every run."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace

import otel
from otel.config.settings import TelemetryConfig
from otel.metrics.catalogue import Catalogue, Counter, Histogram
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import request
from tests.otel.service import instrumented

READ = Counter(
    "items.read", unit="{read}", description="Reads.", attributes={"outcome": ("found", "missing")}
)
WAIT = Histogram("items.wait", unit="s", description="Waiting.")
FAIL = "/api/v1/courses/c1/fail"
SNAPSHOT = Path(__file__).with_name("whole_request.json")
ITEMS = Catalogue("items", READ, WAIT)


def service() -> FastAPI:
    app = FastAPI()
    otel.instrument(app)

    @app.get("/items/{item_id}")
    async def read(item_id: str) -> dict[str, str]:
        with trace.get_tracer("items").start_as_current_span("items.load"):
            READ.add(1, {"outcome": "found"})
            otel.get_logger(service="items").info("item_read", item_id=item_id)
        return {"name": "lamp"}

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("no lamp for ada@example.org")

    return app


async def get(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://items") as client:
        return await client.get(path, headers={"X-Request-ID": "r-1"})


async def one_request(path: str) -> Captured:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with capture_telemetry(ITEMS) as captured:
        await get(service(), path)
    return captured


async def test_a_whole_request_is_the_same_in_every_run() -> None:
    with capture_telemetry(ITEMS) as captured:
        await get(service(), "/items/7")
        first = captured.snapshot()
    with capture_telemetry(ITEMS) as captured:
        await get(service(), "/items/7")
        second = captured.snapshot()
    assert first == second


async def test_a_whole_request_is_one_trace_with_its_records_and_counts() -> None:
    with capture_telemetry(ITEMS) as captured:
        await get(service(), "/items/7")
        server, load = captured.spans
        assert (server.name, server.kind, server.parent_id) == ("GET /items/{item_id}", "SERVER", None)
        assert (load.name, load.parent_id) == ("items.load", server.span_id)
        assert {server.trace_id, load.trace_id} == {f"{1:032x}"}
        assert (server.start, load.start) == ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00")
        assert (load.end, server.end) == ("2026-01-01T00:00:02+00:00", "2026-01-01T00:00:03+00:00")
        [record] = [each for each in captured.logs if each.body == "item_read"]
        assert (record.trace_id, record.span_id) == (load.trace_id, load.span_id)
        assert record.attributes["request_id"] == "r-1"
        assert captured.value("items.read") == captured.value("items.read", {"outcome": "found"}) == 1
        route = {"http.route": "/items/{item_id}", "http.response.status_code": 200}
        assert captured.value("http.server.request.duration", route) == 1
        assert captured.value("http.server.request.duration", {"http.route": "/other"}) == 0


async def test_a_whole_request_matches_its_snapshot() -> None:
    """Compares span, records, metrics and error report of one failed request with whole_request.json."""
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", "41"),
        ("User-Agent", "test/1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]
    body = b'{"text":"no seat for ada@school.example"}'
    with capture_telemetry() as captured:
        app = instrumented()
        await request(app, FAIL, method="POST", query="token=hunter2", body=body, headers=headers)
        compared = ("fingerprint", "transaction", "request", "tags", "user")
        errors = [{name: event[name] for name in compared} for event in captured.errors]
        found = json.loads(json.dumps({**captured.snapshot(), "errors": errors}))
    assert found == json.loads(SNAPSHOT.read_text())


async def test_an_error_is_redacted_in_every_output() -> None:
    with capture_telemetry(ITEMS) as captured:
        answer = await get(service(), "/broken")
        assert answer.status_code == 500
        [event] = captured.errors
        assert event["contexts"]["trace"]["trace_id"] == captured.spans[0].trace_id
        assert captured.spans[0].status == "ERROR"
        everything = json.dumps([captured.snapshot(), captured.errors, captured.lines], default=str)
    assert "LookupError" in everything
    assert "ada@example.org" not in everything


def test_lines_are_json() -> None:
    with capture_telemetry() as captured:
        logging.getLogger("app").warning("careful")
        [line] = captured.lines
    assert json.loads(line)["event"] == "careful"


def test_histograms_count_and_sum() -> None:
    with capture_telemetry(ITEMS) as captured:
        WAIT.record(0.25)
        WAIT.record(0.5)
        [series] = captured.metrics["items.wait"]
    assert (series.value, series.total) == (2, 0.75)


def test_telemetry_can_be_configured_only_once_at_a_time() -> None:
    with capture_telemetry(), pytest.raises(RuntimeError, match="already called"):
        otel.configure(TelemetryConfig())


def test_after_the_capture_nothing_is_recorded() -> None:
    with capture_telemetry() as captured:
        pass
    with trace.get_tracer("late").start_as_current_span("late") as span:
        assert not span.is_recording()
    assert captured.spans == []


def test_an_existing_tracer_follows_the_current_telemetry() -> None:
    tracer = trace.get_tracer("early")
    for _ in range(2):
        with capture_telemetry() as captured:
            with tracer.start_as_current_span("work"):
                pass
            assert [span.name for span in captured.spans] == ["work"]
