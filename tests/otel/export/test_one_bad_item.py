"""A bad item costs only itself: whatever a span or record holds, the rest of its batch is exported."""

from __future__ import annotations

import io
from collections import UserString
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import _logs as logs_api
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from otel.export.batch import Outcome
from otel.export.encoding import SpanEncoder
from otel.export.exporters import send_spans
from otel.export.redacting import RedactingSpanExporter
from otel.export.wire import AttributeEncoder
from otel.redaction.engine import Redactor
from otel.telemetry import Telemetry
from tests.otel.conftest import Configure
from tests.otel.odd import EQUAL, HALF, ODD, USUAL, Sub
from tests.otel.prometheus import families
from tests.otel.receiver import receiver

_RESOURCE = Resource({"service.name": "odd"})
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
KEYS: list[Any] = ["kind", Sub("kind"), UserString("kind"), HALF, "half", Sub(HALF)]
VALUES: list[Any] = [*USUAL, *ODD, "eve@example.org", "é"]
# Drawn by index, because Hypothesis hashes the objects it samples.
PAIRS = st.tuples(st.sampled_from(KEYS), st.sampled_from(range(len(VALUES))).map(VALUES.__getitem__))


@settings(deadline=None)
@given(st.lists(PAIRS, max_size=12), st.booleans())
def test_a_cached_attribute_is_encoded_like_the_first(pairs: list[tuple[Any, Any]], redacted: bool) -> None:  # noqa: FBT001 - drawn
    clean = Redactor().value if redacted else None
    quick = AttributeEncoder(b"\x4a", clean)
    for pair in pairs * 2:
        first: list[bytes] = []
        later: list[bytes] = []
        AttributeEncoder(b"\x4a", clean).encode([pair], first)
        quick.encode([pair], later)
        assert first == later


@pytest.mark.parametrize("group", EQUAL, ids=str)
def test_equal_values_are_not_confused(group: tuple[Any, ...]) -> None:
    encoder = AttributeEncoder(b"\x4a")
    encoded: list[bytes] = []
    fresh: list[bytes] = []
    encoder.encode([("kind", value) for value in group * 2], encoded)
    for value in group * 2:
        AttributeEncoder(b"\x4a").encode([("kind", value)], fresh)
    assert encoded == fresh


def odd_span(**parts: Any) -> ReadableSpan:  # noqa: ANN401 - the parts of a ReadableSpan
    usual: dict[str, Any] = {
        "name": "odd",
        "context": SpanContext(1, 2, is_remote=False, trace_flags=_SAMPLED),
        "resource": _RESOURCE,
        "start_time": 5,
        "end_time": 9,
    }
    return ReadableSpan(**usual | parts)


def encoded(*spans: ReadableSpan) -> tuple[list[Any], int]:
    body, left_out = SpanEncoder(Redactor())(spans)
    sent = ExportTraceServiceRequest.FromString(body)
    return [
        span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans
    ], left_out


HOPELESS: list[dict[str, Any]] = [
    {"name": None},
    {"kind": "server"},
    {"context": None},
    {"context": SpanContext(2**130, 2, is_remote=False)},
    {"parent": SpanContext(1, 2**70, is_remote=False)},
    {"events": (Event(5, {}),)},  # type: ignore[arg-type]  # on purpose
    {"status": None},
]


@pytest.mark.parametrize("parts", HOPELESS, ids="-".join)
def test_only_the_unencodable_span_is_left_out(parts: dict[str, Any]) -> None:
    spans, left_out = encoded(odd_span(), odd_span(**parts), odd_span(name="after"))
    assert [span.name for span in spans] == ["odd", "after"]
    assert left_out == 1


@pytest.mark.parametrize("moment", [None, -1, 2**64, 1.5, float("nan"), "now", Sub("9"), True, object()])
def test_an_invalid_timestamp_costs_no_span(moment: Any) -> None:  # noqa: ANN401 - anything
    event = Event("happened", {}, 7)
    event._timestamp = moment
    spans, _ = encoded(odd_span(start_time=moment), odd_span(end_time=moment), odd_span(events=(event,)))
    assert len(spans) == 3
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)


@pytest.mark.parametrize("value", [*USUAL, *ODD], ids=lambda each: type(each).__name__)
def test_no_value_costs_its_span(value: Any) -> None:  # noqa: ANN401 - anything
    odd: dict[Any, Any] = {"odd": value, HALF: value, "good": "yes"}
    link = Link(SpanContext(1, 2, is_remote=True), {})
    event = Event("happened", {}, 7)
    for part in (link, event):
        part._attributes = odd  # bypasses the SDK's own cleaning
    scope = InstrumentationScope(HALF, HALF, HALF, {"good": "yes"})
    [span], left_out = encoded(
        odd_span(attributes=odd, links=(link,), events=(event,), instrumentation_scope=scope)
    )
    assert left_out == 0
    for attributes in (span.attributes, span.links[0].attributes, span.events[0].attributes):
        sent = {each.key: each.value for each in attributes}
        assert sent.keys() == {"odd", "a?b", "good"}
        assert sent["good"].string_value == "yes"


def unencodable(telemetry: Telemetry, signal: str) -> float:
    processed = families(telemetry)[f"otel_sdk_processor_{signal}_processed"]
    return sum(value for (_, labels), value in processed.items() if ("error_type", "unencodable") in labels)


def test_unencodable_items_are_counted(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        spans = telemetry._parts.spans
        assert spans is not None
        for parts in HOPELESS:
            spans.put(odd_span(**parts))
        assert not telemetry.flush(10)
        with trace.get_tracer("odd").start_as_current_span("good"):
            pass
        spans.put(odd_span(**HOPELESS[0]))
        assert not telemetry.flush(10)
        assert [span.name for span in collector.spans()] == ["good"]
        assert telemetry.accounting()["traces"] == {
            "produced": len(HOPELESS) + 2,
            "exported": 1,
            "dropped": {"unencodable": len(HOPELESS) + 1},
            "pending": 0,
        }
        assert unencodable(telemetry, "span") == len(HOPELESS) + 1


def test_a_record_of_the_plain_api_is_exported_whatever_it_holds(configure: Configure) -> None:
    odd: dict[str, Any] = {
        "timestamp": -1,
        "observed_timestamp": 2**70,
        "severity_text": HALF,
        "event_name": HALF,
        "body": [HALF, 2**70, {HALF: None}],
        "attributes": {HALF: HALF, "n": 2**70},
    }
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        logger = logs_api.get_logger(HALF, HALF, attributes={HALF: HALF})
        for name, value in odd.items():
            record: Any = LogRecord(severity_number=SeverityNumber.WARN)
            setattr(record, name, value)
            logger.emit(record)
        lost: Any = LogRecord(body="lost")
        lost.severity_number = "loud"
        logger.emit(lost)
        assert not telemetry.flush(10)
        assert len(collector.records()) == len(odd)
        assert telemetry.accounting()["logs"]["dropped"] == {"unencodable": 1}


def test_the_console_exporter_also_writes_the_rest_of_a_batch() -> None:
    console = RedactingSpanExporter(ConsoleSpanExporter(out=io.StringIO()), Redactor())
    batch = [odd_span(status=None), odd_span(name="after")]
    assert send_spans(console, batch) == Outcome(arrived=True, unencodable=1)
    assert '"name": "after"' in console._inner.out.getvalue()  # type: ignore[attr-defined]  # the stream given above


def test_span_kinds_match_the_protocol() -> None:
    spans, _ = encoded(*(odd_span(kind=kind) for kind in SpanKind))
    assert [span.kind for span in spans] == [1, 2, 3, 4, 5]
