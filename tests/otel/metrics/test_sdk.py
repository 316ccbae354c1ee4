"""The SDK's metrics about itself: spans and records waiting, exported or lost."""

from __future__ import annotations

import logging

from opentelemetry import trace

from tests.otel.conftest import Configure
from tests.otel.prometheus import by_label, families
from tests.otel.receiver import black_hole, receiver

LATER = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_BLRP_SCHEDULE_DELAY": "60000"}
SPAN, LOG = "otel_sdk_processor_span", "otel_sdk_processor_log"


def end_spans(count: int) -> None:
    for _ in range(count):
        trace.get_tracer("t").start_span("s").end()


def test_the_sdk_reports_about_itself(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        end_spans(1)
        assert telemetry.flush(5)
        found = families(telemetry)
        exported = found["otel_sdk_exporter_span_exported"]
        assert sum(exported.values()) >= 1
        assert sum(found[f"{SPAN}_queue_capacity"].values()) == 2048
        assert sum(found[f"{SPAN}_processed"].values()) >= 1
        assert "otel_sdk_exporter_operation_duration_seconds" in found


def test_queue_sizes_and_processed_items_are_reported(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BLRP_MAX_QUEUE_SIZE="700", **LATER
        )
        end_spans(3)
        for number in range(2):
            logging.getLogger("app").warning("record %d", number)
        waiting = families(telemetry)
        assert telemetry.flush(5)
        flushed = families(telemetry)
        reported = {
            name: [sum(found[name].values()) for found in (waiting, flushed)]
            for signal in (SPAN, LOG)
            for name in (f"{signal}_queue_size", f"{signal}_queue_capacity", f"{signal}_processed")
        }
    assert reported == {
        f"{SPAN}_queue_size": [3, 0],
        f"{SPAN}_queue_capacity": [2048, 2048],
        f"{SPAN}_processed": [0, 3],
        f"{LOG}_queue_size": [2, 0],
        f"{LOG}_queue_capacity": [700, 700],
        f"{LOG}_processed": [0, 2],
    }


def test_items_dropped_by_a_full_queue_are_reported_with_the_reason(configure: Configure) -> None:
    with black_hole() as nowhere:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=nowhere, OTEL_BSP_MAX_QUEUE_SIZE="4", **LATER)
        end_spans(20)
        processed = by_label(telemetry, f"{SPAN}_processed", "error_type")
        lost = telemetry.accounting()["traces"]["dropped"]
    assert lost["queue_full"] >= 12  # four may be in flight, and four wait
    assert processed == {"": 0, "queue_full": lost["queue_full"]}
