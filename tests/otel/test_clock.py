"""If the clock is set back, no duration becomes negative and nothing ends before it starts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from tests.otel.receiver import Receiver, receiver

SERVICE = """
import sys, time

CLOCK = [time.time_ns()]

def back():  # a clock that is set back by a second whenever it is read
    CLOCK[0] -= 10**9
    return CLOCK[0]

time.time_ns, time.time = back, lambda: back() / 1e9

import asyncio, threading
from datetime import timedelta
import otel
from fastapi import BackgroundTasks, FastAPI, WebSocket
from opentelemetry import metrics, trace
from opentelemetry.trace import Link, SpanContext
from pymongo.monitoring import CommandStartedEvent, CommandSucceededEvent
from otel.libraries.mongo.commands import CommandTelemetry
from tests.otel.asgi import request, websocket

telemetry = otel.configure(otel.TelemetryConfig.from_env())
tracer = trace.get_tracer("clock")
app = FastAPI()

@otel.traced()
def work():
    otel.get_logger("clock").info("working")

@app.get("/items/{item}")
def item(tasks: BackgroundTasks) -> int:
    tasks.add_task(work)
    with tracer.start_as_current_span("inside", links=[Link(SpanContext(1, 2, False))]) as span:
        span.add_event("happened")
        work()
    mongo = CommandTelemetry(telemetry.redactor, slow_seconds=0, most_repeated=10)
    command = {"find": "courses"}
    mongo.started(CommandStartedEvent(command, "lms", 7, ("db", 27017), 7))
    reply = {"cursor": {"firstBatch": []}}
    mongo.succeeded(CommandSucceededEvent(timedelta(0), reply, "find", 7, ("db", 27017), 7))
    return 1

@app.get("/fail")
def fail() -> None:
    raise ValueError("as expected")

@app.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()

otel.instrument(app)

async def main():
    assert (await request(app, "/items/1")).status == 200
    try:
        await request(app, "/fail")
    except ValueError:
        pass
    await websocket(app, "/ws")

asyncio.run(main())
span = tracer.start_span("times of the caller", start_time=2 * 10**18)
span.end(end_time=10**18)
tracer.start_span("start of the caller", start_time=4 * 10**18).end()
metrics.get_meter("clock").create_counter("clock.plain").add(1)
metrics.get_meter("clock").create_histogram("clock.sizes").record(1)
print(telemetry.flush(20))
text = telemetry.prometheus_text().decode()
samples = [line for line in text.splitlines() if not line.startswith("#")]
print([line for line in samples if "_sum" in line or "uptime" in line if float(line.split()[-1]) < 0])
"""


def run(collector: Receiver) -> list[str]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PATH": "/usr/bin", "OTEL_SERVICE_NAME": "clock"}
    done = subprocess.run(
        [sys.executable, "-c", SERVICE], capture_output=True, text=True, timeout=100, check=False, env=environ
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("{")]


def points(collector: Receiver) -> list[Any]:
    return [
        point
        for request in collector.metrics
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data") or "").data_points
    ]


def test_nothing_ends_before_it_starts_when_the_clock_is_set_back() -> None:
    with receiver() as collector:
        assert run(collector) == ["True", "[]"]
    spans = {span.span_id: span for span in collector.spans()}
    names = {span.name for span in spans.values()}
    assert {"GET /items/{item}", "inside", "find courses", "GET /fail", "start of the caller"} <= names
    for span in spans.values():
        assert span.start_time_unix_nano <= span.end_time_unix_nano, span.name
        for event in span.events:
            assert span.start_time_unix_nano <= event.time_unix_nano <= span.end_time_unix_nano, span.name
        parent = spans.get(span.parent_span_id)
        if parent is not None:
            assert parent.start_time_unix_nano <= span.start_time_unix_nano, span.name
    for point in points(collector):
        assert point.start_time_unix_nano <= point.time_unix_nano
        assert getattr(point, "min", 0) >= 0
    for record in collector.records():
        duration = next((each.value.double_value for each in record.attributes if "duration" in each.key), 0)
        assert duration >= 0
