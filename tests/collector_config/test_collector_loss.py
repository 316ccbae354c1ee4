"""How a sink that is down, rejecting or full affects the data and the other sinks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks

KIBIBYTE = 1024


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _spans(first: int, count: int, size: int = 0) -> dict[str, Any]:
    spans = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "numbered",
            "status": {"code": 2},
            "startTimeUnixNano": "1795500000000000000",
            "endTimeUnixNano": "1795500000040000000",
            "attributes": [{"key": "padding", "value": {"stringValue": "x" * size}}],
        }
        for number in range(first, first + count)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def _numbers(server: Intake, sink: str) -> list[int]:
    return sorted(
        int(span["spanId"], 16) for span in otlp_json.items("traces", server.payload(sink, "traces"))
    )


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_was_acknowledged_survives_a_refusing_store_and_a_kill(
    server: Intake, tmp_path: Path, status: int
) -> None:
    server.status["jaeger"] = status
    variables = sinks(server, tmp_path)
    with collector.running(["base.yaml", "jaeger.yaml"], tmp_path, **variables) as running:
        for first in range(1, 51, 10):
            assert running.send("traces", _spans(first, 10)).status_code == 200
        server.wait_for_refusals("jaeger", 1)
        running.kill()
    server.status.clear()
    with collector.running(["base.yaml", "jaeger.yaml"], tmp_path, **variables) as running:
        assert running.send("traces", _spans(51, 10)).status_code == 200
        server.wait_for_items("jaeger", "traces", 60)
        assert running.stop() == 0
    assert _numbers(server, "jaeger") == list(range(1, 61))


def test_a_permanent_refusal_is_counted_as_a_loss(server: Intake, tmp_path: Path) -> None:
    server.status["jaeger"] = 400
    with collector.running(["base.yaml", "jaeger.yaml"], tmp_path, **sinks(server, tmp_path)) as running:
        assert running.send("traces", _spans(1, 10)).status_code == 200
        running.wait_for_metric("otelcol_exporter_send_failed_spans_total", 10, error_permanent="true")
        assert running.metric("otelcol_exporter_queue_size", exporter="otlp_http/jaeger") == 0


def _until_sentry_is_full(running: Collector) -> int:
    """Sends until Sentry's queue has rejected something; returns how many spans were acknowledged."""
    sent = 0
    while not running.metric("otelcol_exporter_enqueue_failed_spans_total", exporter="otlp_http/sentry"):
        assert sent < 2000, "Sentry's queue does not fill"
        assert running.send("traces", _spans(sent + 1, 20, KIBIBYTE)).status_code == 200
        sent += 20
    return sent


def test_a_dead_optional_sink_with_a_full_queue_does_not_affect_the_others(
    server: Intake, tmp_path: Path
) -> None:
    server.status["sentry"] = 503
    variables = {**sinks(server, tmp_path), "COLLECTOR_SENTRY_QUEUE_BYTES": str(150 * KIBIBYTE)}
    with collector.running(["base.yaml", "jaeger.yaml", "sentry.yaml"], tmp_path, **variables) as running:
        sent = _until_sentry_is_full(running)
        for _ in range(10):
            assert running.send("traces", _spans(sent + 1, 20, KIBIBYTE)).status_code == 200
            sent += 20
        server.wait_for_items("jaeger", "traces", sent)
        assert running.metric("otelcol_receiver_refused_spans_total") == 0
        server.status.clear()
        server.wait_for_items("sentry", "traces", 20)
        assert running.stop() == 0
    assert _numbers(server, "jaeger") == list(range(1, sent + 1))
    kept = _numbers(server, "sentry")
    assert kept == sorted(set(kept))
    assert 0 < len(kept) < sent


def test_a_full_primary_queue_rejects_the_sender_and_loses_nothing_acknowledged(
    server: Intake, tmp_path: Path
) -> None:
    server.status["prometheus"] = 503
    variables = {**sinks(server, tmp_path), "COLLECTOR_METRICS_QUEUE_BYTES": str(300 * KIBIBYTE)}
    acknowledged = []
    with collector.running(["base.yaml", "prometheus.yaml"], tmp_path, **variables) as running:
        for number in range(40):
            answer = running.send("metrics", _points(number))
            assert answer.status_code in {200, 503}, answer.text
            if answer.status_code == 200:
                acknowledged.append(number)
        assert 0 < len(acknowledged) < 40
        assert running.metric("otelcol_receiver_refused_metric_points_total") > 0
        server.status.clear()
        server.wait_for_items("prometheus", "metrics", len(acknowledged) * 50)
        assert running.stop() == 0
    names = otlp_json.names(server.payload("prometheus", "metrics"))
    assert names == {f"numbered.{number}" for number in acknowledged}


def _points(number: int) -> dict[str, Any]:
    points = [
        {
            "timeUnixNano": str(time.time_ns()),
            "asInt": "1",
            "attributes": [{"key": "padding", "value": {"stringValue": f"{index}-" + "x" * 300}}],
        }
        for index in range(50)
    ]
    metric = {"name": f"numbered.{number}", "gauge": {"dataPoints": points}}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}


def test_a_full_metrics_queue_does_not_block_shutdown(server: Intake, tmp_path: Path) -> None:
    """span_metrics and host_metrics have no deadline: a queue that blocked them would block the shutdown."""
    server.status["prometheus"] = 503
    files = ["base.yaml", "host-metrics.yaml", "span-metrics.yaml", "prometheus.yaml"]
    variables = {
        **sinks(server, tmp_path),
        "COLLECTOR_METRICS_QUEUE_BYTES": "262144",
        "HOST_METRICS_INTERVAL": "1s",
        "SPAN_METRICS_INTERVAL": "1s",
    }
    with collector.running(files, tmp_path, **variables) as running:
        assert running.send("traces", _spans(1, 20)).status_code == 200
        running.wait_for_metric("otelcol_exporter_enqueue_failed_metric_points_total", 1)
        assert running.stop() == 0


def test_waiting_senders_do_not_delay_shutdown(server: Intake, tmp_path: Path) -> None:
    """A full queue that blocked them would: their requests have no other deadline."""
    server.status["jaeger"] = 503
    variables = {**sinks(server, tmp_path), "COLLECTOR_TRACES_QUEUE_BYTES": str(270 * KIBIBYTE)}
    answers: Counter[int] = Counter()

    def send(running: Collector, number: int) -> None:
        headers = {"Authorization": f"Bearer {running.token}"}
        payload = _spans(number * 20 + 1, 20, KIBIBYTE)
        answer = httpx.post(f"{running.url}/v1/traces", json=payload, headers=headers, timeout=600)
        answers[answer.status_code] += 1

    with (
        collector.running(["base.yaml", "jaeger.yaml"], tmp_path, **variables) as running,
        ThreadPoolExecutor(20) as pool,
    ):
        list(pool.map(partial(send, running), range(40)))
        assert answers.keys() == {200, 503}
        assert running.stop() == 0


def test_a_full_disk_for_the_file_sink_does_not_affect_the_others(server: Intake, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "traces.jsonl").symlink_to("/dev/full")
    with collector.running(
        ["base.yaml", "jaeger.yaml", "file.yaml"], tmp_path, **sinks(server, tmp_path)
    ) as running:
        for first in range(1, 51, 10):
            assert running.send("traces", _spans(first, 10)).status_code == 200
        server.wait_for_items("jaeger", "traces", 50)
        running.wait_for_metric("otelcol_exporter_send_failed_spans_total", 1, exporter="file/traces")
        assert running.metric("otelcol_receiver_refused_spans_total") == 0
        assert running.stop() == 0
    assert _numbers(server, "jaeger") == list(range(1, 51))
