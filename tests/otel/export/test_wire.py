"""`otel.export.wire` produces the same messages as the SDK's own encoder, redacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace.propagation import set_span_in_context

from otel.export.encoding import LogEncoder, SpanEncoder
from otel.export.redacting import clean_span
from otel.export.wire import AttributeEncoder, varint
from otel.logs.otlp import SCOPE_NAME
from otel.redaction.engine import Redactor

_RESOURCE = Resource({"service.name": "wire", "process.pid": 7}, "https://example.org/schema")
_SCOPE = InstrumentationScope("otel.test", "1.2", "https://example.org/scope")
_OURS = InstrumentationScope(SCOPE_NAME, "")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_ID64, _ID128 = st.integers(1, 2**64 - 1), st.integers(1, 2**128 - 1)
_SCALARS = st.one_of(
    st.text(max_size=300), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)
)
_ATTRIBUTES = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.one_of(_SCALARS, st.lists(st.text(max_size=5)).map(tuple)),
    max_size=6,
)
_MOMENT = st.integers(0, 2**63)


@st.composite
def contexts(draw: st.DrawFn) -> SpanContext:
    state = TraceState([("vendor", "1")]) if draw(st.booleans()) else None
    return SpanContext(draw(_ID128), draw(_ID64), draw(st.booleans()), _SAMPLED, state)


@st.composite
def spans(draw: st.DrawFn) -> ReadableSpan:
    description = draw(st.one_of(st.none(), st.text(max_size=20)))
    status = draw(st.sampled_from(StatusCode))
    start, end = sorted((draw(_MOMENT), draw(_MOMENT)))
    return ReadableSpan(
        name=draw(st.text(max_size=200)),
        context=draw(contexts()),
        parent=draw(st.one_of(st.none(), contexts())),
        resource=_RESOURCE,
        attributes=draw(_ATTRIBUTES),
        events=draw(st.sampled_from([(), (Event("happened", {"a": 1}, 5),)])),
        links=draw(st.sampled_from([(), (Link(SpanContext(1, 2, is_remote=True), {"b": "c"}),)])),
        kind=draw(st.sampled_from(SpanKind)),
        status=Status(status, description if status is StatusCode.ERROR else None),
        start_time=start,
        end_time=end,
        instrumentation_scope=draw(st.sampled_from([_SCOPE, None])),
    )


@settings(deadline=None)
@given(st.lists(spans(), max_size=4))
def test_spans_are_encoded_as_the_sdk_does(batch: list[ReadableSpan]) -> None:
    redactor = Redactor()
    encode = SpanEncoder(redactor)
    expected = encode_spans([clean_span(redactor, span) for span in batch])
    for _ in range(2):  # the second time from the cache
        assert ExportTraceServiceRequest.FromString(encode(batch).body) == expected


def log_record(
    attributes: Mapping[str, Any],
    *,
    scope: InstrumentationScope = _OURS,
    body: str = "happened",
    span: SpanContext | None = None,
    event_name: str | None = None,
) -> ReadableLogRecord:
    parent = trace.INVALID_SPAN if span is None else trace.NonRecordingSpan(span)
    record = LogRecord(
        timestamp=1_700_000_000_000_000_000,
        observed_timestamp=1_700_000_000_000_000_001,
        context=set_span_in_context(parent),
        severity_number=SeverityNumber.WARN,
        severity_text="WARN",
        body=body,
        attributes=attributes,
        event_name=event_name,
    )
    return ReadableLogRecord(record, _RESOURCE, scope)


_JSON = st.one_of(
    _SCALARS,
    st.none(),
    st.lists(_SCALARS, max_size=3),
    st.dictionaries(st.text(max_size=5), _SCALARS),
)
_FIELDS = st.dictionaries(st.text(max_size=10), _JSON, max_size=5)


@settings(deadline=None)
@given(_FIELDS, st.one_of(st.none(), contexts()))
def test_our_log_records_are_encoded_as_the_sdk_does(
    attributes: dict[str, Any], span: SpanContext | None
) -> None:
    batch = [log_record(attributes, span=span), log_record({"n": 1})]
    encode = LogEncoder(Redactor())
    for _ in range(2):
        assert ExportLogsServiceRequest.FromString(encode(batch).body) == encode_logs(batch)


def test_other_log_records_are_redacted() -> None:
    scope = InstrumentationScope("foreign")
    batch = [log_record({"password": "hunter2"}, scope=scope, body="mail eve@example.org", event_name="x")]
    encoded = LogEncoder(Redactor())(batch).body
    assert b"foreign" in encoded
    assert b"hunter2" not in encoded
    assert b"eve@example.org" not in encoded


def one_span(**parts: Any) -> ReadableSpan:  # noqa: ANN401 - the parts of a ReadableSpan
    return ReadableSpan(
        name=parts.pop("name", "work"),
        context=SpanContext(1, 2, is_remote=False, trace_flags=_SAMPLED),
        resource=_RESOURCE,
        instrumentation_scope=_SCOPE,
        start_time=1,
        end_time=2,
        **parts,
    )


@pytest.mark.parametrize(
    "span",
    [
        one_span(attributes={"password": "eve@example.org"}),
        one_span(attributes={"note": "eve@example.org"}),
        one_span(attributes={"notes": ("eve@example.org",)}),
        one_span(name="to eve@example.org"),
        one_span(events=(Event("e", {"note": "eve@example.org"}),)),
        one_span(links=(Link(SpanContext(1, 2, is_remote=True), {"note": "eve@example.org"}),)),
        one_span(status=Status(StatusCode.ERROR, "no eve@example.org")),
    ],
)
def test_nothing_private_is_encoded(span: ReadableSpan) -> None:
    encode = SpanEncoder(Redactor())
    for _ in range(2):
        encoded = encode([span]).body
        assert b"eve@" not in encoded
        assert b"[redacted]" in encoded


def test_equal_values_of_different_types_are_distinguished() -> None:
    values: Sequence[Any] = (1, True, 1.0, "1")
    span = [one_span(attributes={"value": value}) for value in values]
    sent = ExportTraceServiceRequest.FromString(SpanEncoder(Redactor())(span).body)
    kinds = [
        each.attributes[0].value.WhichOneof("value") for each in sent.resource_spans[0].scope_spans[0].spans
    ]
    assert kinds == ["int_value", "bool_value", "double_value", "string_value"]
    assert sent.resource_spans[0].scope_spans[0].spans[2].attributes[0].value.double_value == 1.0


def test_values_that_otlp_cannot_carry_become_text() -> None:
    span = one_span(attributes={"half": "\ud800", "huge": 2**70, "good": "yes"})
    (sent,) = ExportTraceServiceRequest.FromString(SpanEncoder(Redactor())([span]).body).resource_spans
    attributes = {each.key: each.value.string_value for each in sent.scope_spans[0].spans[0].attributes}
    assert attributes == {"half": "?", "huge": str(2**70), "good": "yes"}


def test_the_attribute_cache_is_bounded() -> None:
    encoder = AttributeEncoder(b"\x4a")
    for number in range(20_000):
        encoder.encode([("key", f"value {number}"), ("long", "x" * 1000), ("id", f"{number:032x}")], [])
    assert 0 < len(encoder._known[str]) <= 8192
    assert {key for key, _ in encoder._known[str]} == {"key"}, "neither long texts nor ids, which never recur"


@pytest.mark.parametrize(
    ("number", "octets"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\1"), (300, b"\xac\2")]
)
def test_varints(number: int, octets: bytes) -> None:
    assert varint(number) == octets
