"""The check of telemetry: what the process itself loses, and what Prometheus knows about the canary."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from opentelemetry import trace

import otel
from app.infra.stores import Prometheus, StoreClient
from app.monitoring.checks.telemetry import TelemetryProbe
from app.monitoring.health_check import Status
from tests.app.monitoring.measured import Hand, by_name, wrong
from tests.app.monitoring.test_external import answering
from tests.programs import free_port, wait


@pytest.fixture(name="cut_off")
def _cut_off() -> Iterator[otel.Telemetry]:
    """Telemetry whose Collector does not exist, and whose spans wait for an hour."""
    config = otel.TelemetryConfig.from_env(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "10",
            "OTEL_BSP_SCHEDULE_DELAY": "3600000",
            "TELEMETRY_RUNTIME_METRICS": "off",
        }
    )
    telemetry = otel.configure(config)
    yield telemetry
    telemetry.shutdown(0.5)


async def test_losses_count_for_as_long_as_the_check_looks_back(cut_off: otel.Telemetry) -> None:
    clock = Hand()
    probe = TelemetryProbe(cut_off, None, most_queued=0.8, look_back=180, monotonic=clock)
    assert {each.status for each in await probe()} == {Status.PASS}
    otel.get_logger("test").info("lost")
    await wait(lambda: cut_off.accounting()["logs"]["dropped"], "a record was dropped")
    for clock.now in (60, 61, 62, 120, 239):
        lost = by_name(await probe())["logsDropped"]
        assert lost.status is Status.WARN
        assert lost.output == "1 logs were dropped lately; reasons so far: export_failed."
    clock.now = 300
    assert by_name(await probe())["logsDropped"].status is Status.PASS


async def test_a_queue_that_fills_is_seen(cut_off: otel.Telemetry) -> None:
    probe = TelemetryProbe(cut_off, None, most_queued=1e-9, look_back=180)
    trace.get_tracer("test").start_span("queued").end()
    queues = [each for each in await probe() if each.name.endswith("Queue")]
    assert [(each.name, each.status) for each in queues] == [
        ("tracesQueue", Status.WARN),
        ("logsQueue", Status.PASS),
    ]


async def test_without_prometheus_the_canary_is_unknown(cut_off: otel.Telemetry) -> None:
    measured = by_name(await TelemetryProbe(cut_off, None, most_queued=0.8, look_back=180)())
    assert (measured["canaryAge"].value, measured["canaryAge"].status) == ("unknown", Status.PASS)


def vector(*values: tuple[str, float]) -> bytes:
    result = [{"metric": {"signal": signal}, "value": [0, str(value)]} for signal, value in values]
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@asynccontextmanager
async def prometheus_that_says(*answers: bytes) -> AsyncIterator[Prometheus]:
    async with answering(*answers) as port:
        client = StoreClient("prometheus", f"http://127.0.0.1:{port}", seconds=20)
        yield Prometheus(client)
        await client.close()


@pytest.mark.parametrize(
    ("ages", "interval", "status"),
    [
        ([("logs", 30.0), ("traces", 61.0)], [("", 60.0)], Status.PASS),
        ([("logs", 30.0), ("traces", 241.0)], [("", 60.0)], Status.WARN),
        ([], [("", 60.0)], Status.PASS),
        ([("logs", 30.0)], [], Status.PASS),
    ],
)
async def test_the_oldest_signal_of_the_canary_decides(
    cut_off: otel.Telemetry, ages: list[tuple[str, float]], interval: list[tuple[str, float]], status: Status
) -> None:
    async with prometheus_that_says(vector(*ages), vector(*interval)) as prometheus:
        age = by_name(await TelemetryProbe(cut_off, prometheus, most_queued=0.8, look_back=180)())[
            "canaryAge"
        ]
    assert age.status is status
    if status is Status.WARN:
        assert age.output == "The canary's traces were last seen in their store 241 s ago."


async def test_a_canary_that_vanishes_is_a_warning_until_it_is_seen_again(cut_off: otel.Telemetry) -> None:
    nothing, age, interval = vector(), vector(("logs", 30.0)), vector(("", 60.0))
    values, statuses = [], []
    async with prometheus_that_says(nothing, nothing) as never:
        probe = TelemetryProbe(cut_off, never, most_queued=0.8, look_back=180)
        assert by_name(await probe())["canaryAge"].status is Status.PASS
    for answers in ((age, interval), (nothing, nothing), (age, interval)):
        async with prometheus_that_says(*answers) as prometheus:
            probe._prometheus = prometheus
            measured = await probe()
            values.append(by_name(measured)["canaryAge"].value)
            statuses.append(by_name(measured)["canaryAge"].status)
            assert ("canaryAge" in wrong(measured)) == (answers[0] == nothing)
    assert values == [30.0, "gone", 30.0]
    assert statuses == [Status.PASS, Status.WARN, Status.PASS]


async def test_a_prometheus_that_is_away_is_no_fault_of_the_telemetry(
    cut_off: otel.Telemetry,
) -> None:
    client = StoreClient("prometheus", f"http://127.0.0.1:{free_port()}", seconds=20)
    probe = TelemetryProbe(cut_off, Prometheus(client), most_queued=0.8, look_back=180)
    assert by_name(await probe())["canaryAge"].value == "unknown"
    await client.close()
