"""An unintended value costs at most itself, never the batch that contains it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import pytest
from opentelemetry import metrics, trace

import otel
from otel.config.settings import ConfigError, TelemetryConfig
from otel.metrics.catalogue import ANY_BOUNDED, Catalogue, Counter
from otel.metrics.data import DeclaredMetrics
from tests.otel.conftest import Configure
from tests.otel.receiver import receiver, text_attributes

HALF = "a\ud800b"
ODD: dict[str, Any] = {
    "nothing": None,
    "half a surrogate pair": HALF,
    HALF: "as a key",
    "larger than 64 bits": 2**70,
    "smaller than 64 bits": -(2**70),
    "smallest": -(2**63),
    "not a number": float("nan"),
    "infinite": float("-inf"),
    "bytes": b"\xff\x00",
    "nested": {"a": [1, None, {"b": HALF}], "c": (1, "x", True, 2**65)},
    "empty": [],
    "enumeration": HTTPStatus.OK,
    "object": object(),
}
SEEN = Counter("odd.seen", unit="1", description="Seen.", attributes={"text": ANY_BOUNDED()})


def test_every_span_and_every_record_arrives(configure: Configure) -> None:
    tracer, log = trace.get_tracer("odd"), otel.get_logger("odd")
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, TELEMETRY_LOG_BURST="0")
        for name, value in ODD.items():
            with tracer.start_as_current_span(HALF, attributes={name: value}) as span:
                span.add_event(HALF, {name: value})
                span.set_status(trace.Status(trace.StatusCode.ERROR, HALF))
                log.info(HALF, **{name: value})
        logging.getLogger(HALF).warning("from a library: %s", HALF)
        assert telemetry.flush(10)
        accounts = telemetry.accounting()

    spans, records = collector.spans(), collector.records()
    mine = [record for record in records if record.body.string_value == "a?b"]
    assert len(spans) == len(mine) == len(ODD)
    assert {span.name for span in spans} == {span.events[0].name for span in spans} == {"a?b"}
    assert {span.status.message for span in spans} == {"a?b"}
    assert accounts["traces"]["dropped"] == accounts["logs"]["dropped"] == {}
    sent = {pair.key: pair.value for record in mine for pair in record.attributes}
    assert sent["larger than 64 bits"].string_value == str(2**70)
    assert sent["smallest"].int_value == -(2**63)
    assert sent["not a number"].string_value == "nan"
    assert sent["half a surrogate pair"].string_value == "a?b"
    assert sent["nested"].kvlist_value.values[0].value.array_value.values[0].int_value == 1


def test_metrics_arrive_whatever_text_their_attributes_hold(configure: Configure) -> None:
    catalogue = Catalogue("odd", SEEN)
    DeclaredMetrics([catalogue]).forget()
    with receiver() as collector:
        telemetry = configure(catalogue, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        SEEN.add(1, {"text": HALF})
        SEEN.add(1, {"text": "whole"})
        metrics.get_meter("somelib").create_counter("somelib.odd").add(1, {"x": 1})
        assert telemetry.flush(10)
    [metric] = collector.latest("odd.seen").values()
    labels = {point.attributes[0].value.string_value for point in metric.sum.data_points}
    assert labels == {"_OTHER", "whole"}


def test_a_resource_with_odd_values_is_exported_with_every_signal() -> None:
    facts: dict[str, Any] = {"name": HALF, "size": 2**70, HALF: "as a key"}
    with receiver() as collector:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "TELEMETRY_RUNTIME_METRICS": "off"}
        config = TelemetryConfig.from_env(environ).model_copy(
            update={"service_name": HALF, "resource_attributes": facts}
        )
        telemetry = otel.configure(config)
        try:
            with trace.get_tracer("odd").start_as_current_span("s"):
                otel.get_logger("odd").warning("seen")
            assert telemetry.flush(10)
            assert "a?b" in telemetry.prometheus_text().decode()
        finally:
            telemetry.shutdown(1)
    sent = [
        *(each.resource for request in collector.traces for each in request.resource_spans),
        *(each.resource for request in collector.logs for each in request.resource_logs),
        *(each.resource for request in collector.metrics for each in request.resource_metrics),
    ]
    assert len(sent) >= 3
    for resource in [text_attributes(each.attributes) for each in sent]:
        assert resource["service.name"] == resource["name"] == "a?b"
        assert resource["a?b"] == "as a key"
        assert resource["size"] == str(2**70)


def test_a_setting_that_is_not_utf8_is_named() -> None:
    raw = b"team=\xff".decode("utf-8", "surrogateescape")  # as os.environ decodes it
    with pytest.raises(ConfigError, match=r"OTEL_RESOURCE_ATTRIBUTES=.*must be UTF-8"):
        TelemetryConfig.from_env({"OTEL_RESOURCE_ATTRIBUTES": raw})
