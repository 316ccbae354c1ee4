"""Our telemetry against the real Collector: it accepts everything, and its crash costs requests nothing."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import metrics, trace

import otel
from otel.metrics.catalogue import Catalogue, Counter
from stack.native.tools import tool_path
from tests.otel.conftest import Configure
from tests.otel.odd import HALF, ODD, USUAL
from tests.programs import free_port, wait_until

READ = Counter("items.read", unit="{read}", description="Reads.", attributes={"outcome": ("found",)})

CONFIGURATION = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:PORT"}}}}
exporters: {file: {path: "FOLDER/out.json", flush_interval: 50ms}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file]}
    logs: {receivers: [otlp], exporters: [file]}
"""


@dataclass
class Collector:
    url: str
    output: Path
    process: subprocess.Popen[bytes]

    def received(self, kind: str) -> list[dict[str, Any]]:
        """Returns the decoded requests of one kind: `resourceSpans`, `resourceMetrics` or `resourceLogs`."""
        lines = self.output.read_text().splitlines() if self.output.exists() else []
        decoded = [json.loads(line) for line in lines if line.endswith("}")]
        return [resource for request in decoded for resource in request.get(kind, ())]


@contextmanager
def collector_in(folder: Path) -> Iterator[Collector]:
    port = free_port()
    configuration = folder / "collector.yaml"
    configuration.write_text(CONFIGURATION.replace("PORT", str(port)).replace("FOLDER", str(folder)))
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(
            [tool_path("otelcol-lms"), "--config", configuration], stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: process.poll() is not None or answers(url), "the Collector answers")
        assert process.poll() is None, (folder / "collector.log").read_text()
        yield Collector(url, folder / "out.json", process)
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.post(f"{url}/v1/traces", json={}).status_code == 200
    except httpx.TransportError:
        return False


def service() -> FastAPI:
    app = FastAPI()
    otel.instrument(app)

    @app.get("/items/{item_id}")
    async def read(item_id: str) -> dict[str, str]:
        READ.add(1, {"outcome": "found"})
        return {"item": item_id}

    return app


@pytest.fixture(name="app_telemetry")
def _app_telemetry(configure: Configure, tmp_path: Path) -> Iterator[tuple[Collector, Any]]:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with collector_in(tmp_path) as collector:
        small = {"OTEL_BSP_MAX_QUEUE_SIZE": "256", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "128"}
        small["OTEL_EXPORTER_OTLP_TIMEOUT"] = "3600000"  # who waited for an export would wait for an hour
        yield (
            collector,
            configure(Catalogue("items", READ), OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **small),
        )


async def read(app: FastAPI, count: int) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://items") as client:
        for number in range(count):
            answer = await client.get(f"/items/{number}")
            assert answer.status_code == 200


async def test_the_collector_accepts_spans_metrics_and_records(app_telemetry: tuple[Collector, Any]) -> None:
    collector, telemetry = app_telemetry
    await read(service(), 3)
    assert telemetry.shutdown().complete
    kinds = ("resourceSpans", "resourceMetrics", "resourceLogs")
    wait_until(lambda: all(collector.received(kind) for kind in kinds), "each kind is received")
    spans = [
        span["name"]
        for resource in collector.received("resourceSpans")
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert spans == ["GET /items/{item_id}"] * 3
    names = {
        metric["name"]
        for resource in collector.received("resourceMetrics")
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    }
    assert {"items.read", "http.server.request.duration", "otel.sdk.span.started"} <= names
    bodies = [
        record["body"]["stringValue"]
        for resource in collector.received("resourceLogs")
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]
    assert len(bodies) == 3


def test_the_collector_and_prometheus_accept_sanitized_odd_values(
    app_telemetry: tuple[Collector, Any],
) -> None:
    collector, telemetry = app_telemetry
    meter = metrics.get_meter_provider().get_meter(HALF, HALF, attributes={HALF: HALF})
    counter = meter.create_counter("odd.things", description=HALF)
    tracer = trace.get_tracer_provider().get_tracer(HALF, HALF, attributes={HALF: HALF})
    for number, value in enumerate([*USUAL, *ODD]):
        counter.add(2**62, {"number": number, "odd": value, HALF: "key"})
        counter.add(value, {"amount": "odd"})
        with tracer.start_as_current_span(HALF, attributes={"odd": value, HALF: value}) as span:
            span.add_event(HALF, {"odd": value})
            otel.get_logger("odd").warning("odd", odd=value, number=number)
    assert telemetry.flush(20)
    text = telemetry.prometheus_text()
    checked = subprocess.run(
        [tool_path("promtool"), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert checked.returncode != 1, checked.stderr  # 1 is a format error, 3 a style error
    assert telemetry.shutdown().complete
    assert all(not view["dropped"] for view in telemetry.accounting().values())
    spans = [
        each
        for it in collector.received("resourceSpans")
        for scope in it["scopeSpans"]
        for each in scope["spans"]
    ]
    assert [span["name"] for span in spans] == ["a?b"] * len([*USUAL, *ODD])


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_no_request_waits_for_a_collector_that_is_gone(
    app_telemetry: tuple[Collector, Any], death: signal.Signals
) -> None:
    """Needs no timing: an export that gets no answer takes an hour. bench/overhead has the figures."""
    collector, telemetry = app_telemetry
    app = service()
    await read(app, 350)
    os.kill(collector.process.pid, death)
    await read(app, 700)
    report = telemetry.shutdown()
    assert report.accounts["traces"]["dropped"]["queue_full"] > 0
    account = report.accounts["traces"]
    assert account["produced"] == account["exported"] + sum(account["dropped"].values()) == 1_050
