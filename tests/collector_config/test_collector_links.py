"""Span links: our own library masks them, so its spans pass; those of other senders do not."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanContext

import otel
from otel.config.settings import TelemetryConfig
from otel.resource import DISTRIBUTION
from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks

FILES = ["base.yaml", "jaeger.yaml"]
STRANGER = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=True)
LINKED: dict[str, Any] = {
    "traceId": "1" * 32,
    "spanId": "2" * 16,
    "name": "linked",
    "kind": 2,
    "startTimeUnixNano": "1",
    "endTimeUnixNano": "2",
    "links": [{"traceId": "3" * 32, "spanId": "4" * 16}],
}
SENDERS = {
    "another": {},
    "a browser that claims to be ours": {
        "telemetry.distro.name": DISTRIBUTION,
        "telemetry.source": "browser",
    },
    "a namesake": {"telemetry.distro.name": f"{DISTRIBUTION}-fork"},
}


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def traces(span: dict[str, Any], resource: dict[str, str]) -> dict[str, Any]:
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in resource.items()]
    return {
        "resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span]}]}],
    }


def send_with_our_library(running: Collector) -> None:
    config = TelemetryConfig.from_env(
        {
            "OTEL_SERVICE_NAME": "linked",
            "OTEL_EXPORTER_OTLP_ENDPOINT": running.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{running.token}",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
    )
    telemetry = otel.configure(config)
    try:
        with trace.get_tracer("tests").start_as_current_span("ours") as span:
            span.add_link(STRANGER, {"note": "of ada@school.example", "password": "hunter2"})
        assert telemetry.flush(10)
    finally:
        telemetry.shutdown(1)


@pytest.mark.parametrize("chain", CHAINS)
def test_a_linked_span_passes_masked_if_our_library_sends_it(
    chain: str, server: Intake, tmp_path: Path
) -> None:
    with collector.running(with_chain(chain, FILES), tmp_path, **sinks(server, tmp_path)) as running:
        for resource in SENDERS.values():
            assert running.send("traces", traces(LINKED, resource)).status_code == 200
        unlinked = copy.deepcopy(LINKED) | {"name": "unlinked", "links": []}
        assert running.send("traces", traces(unlinked, {})).status_code == 200
        send_with_our_library(running)

        server.wait_for_items("jaeger", "traces", 2)
        running.wait_for_metric(
            "otelcol_processor_filter_spans_filtered_total", len(SENDERS), filter="filter/links"
        )
        arrived = {
            span["name"]: span for span in otlp_json.items("traces", server.payload("jaeger", "traces"))
        }

    assert arrived.keys() == {"ours", "unlinked"}
    [link] = arrived["ours"]["links"]
    assert (link["traceId"], link["spanId"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    masked = {each["key"]: each["value"]["stringValue"] for each in link["attributes"]}
    assert masked == {"note": "of [redacted]", "password": "[redacted]"}
