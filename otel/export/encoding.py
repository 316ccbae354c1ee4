"""Encodes spans and log records as OTLP requests; drops only the items that OTLP cannot represent."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from otel.export.redacting import clean_record, redacted_value
from otel.export.wire import (
    ENCODABLE,
    AttributeEncoder,
    Envelope,
    any_value,
    delimited,
    moment,
    plain_items,
    text,
    varint,
)
from otel.foreign.names import full_type_name
from otel.logs.provider import ENTRY_FACTS, LogItem, OwnRecord
from otel.redaction.engine import Redactor
from otel.traces.span import LeanSpan

_T = TypeVar("_T")
_RECORD: Final = b"\x12"  # `spans` of ScopeSpans and `log_records` of ScopeLogs
_KINDS: Final = {
    SpanKind.INTERNAL: b"\x30\x01",
    SpanKind.SERVER: b"\x30\x02",
    SpanKind.CLIENT: b"\x30\x03",
    SpanKind.PRODUCER: b"\x30\x04",
    SpanKind.CONSUMER: b"\x30\x05",
}
_CODES: Final = {StatusCode.UNSET: b"", StatusCode.OK: b"\x18\x01", StatusCode.ERROR: b"\x18\x02"}
_IDS: Final = struct.Struct(">2sQQ2sQ")  # trace id in two halves, span id
_PARENT: Final = struct.Struct(">2sQ")
_TIMES: Final = struct.Struct("<cQcQ")
_TIME: Final = struct.Struct("<cQ")
_FLAGS: Final = struct.Struct("<2sI")
_LINK_FLAGS: Final = struct.Struct("<cI")
_HALF: Final = (1 << 64) - 1
# SpanFlags of trace.proto: whether `is_remote` is known, and whether it is true.
_KNOWN, _REMOTE = 0x100, 0x300
_log = logging.getLogger(__name__)


class Encoded(NamedTuple):
    """A request's bytes and the number of items left out."""

    body: bytes
    left_out: int


def _each(items: Sequence[_T], encode: Callable[[_T, Envelope], None]) -> Encoded:
    envelope, left_out = Envelope(), 0
    for item in items:
        try:
            encode(item, envelope)
        except Exception as error:  # noqa: BLE001 - the others must arrive; the queue counts this one
            left_out += 1
            _log.warning("dropped an item that cannot be encoded as OTLP: %s", full_type_name(type(error)))
    return Encoded(envelope.to_bytes(), left_out)


class SpanEncoder:
    """Encodes spans, redacted, as an ExportTraceServiceRequest. Source: trace.proto for the field numbers."""

    def __init__(self, redactor: Redactor) -> None:
        def clean(key: str, value: Any) -> Any:  # noqa: ANN401 - an attribute's value
            return redacted_value(redactor, key, value)

        self._redactor = redactor
        self._attributes = AttributeEncoder(b"\x4a", clean, redactor.text)
        self._event_attributes = AttributeEncoder(b"\x1a", clean, redactor.text)
        self._link_attributes = AttributeEncoder(b"\x22", clean, redactor.text)

    def __call__(self, spans: Sequence[ReadableSpan]) -> Encoded:
        """Returns the request's bytes."""
        return _each(spans, self._add)

    def _add(self, span: ReadableSpan, envelope: Envelope) -> None:
        encoded = delimited(_RECORD, self._span(span))
        envelope.records_of(span.resource, span.instrumentation_scope).append(encoded)

    def _span(self, span: ReadableSpan) -> bytes:
        context, parent = span.context, span.parent
        fields = [
            _identity(context, parent),
            text(b"\x2a", self._redactor.text(span.name)),
            _KINDS[span.kind],
            _times(span.start_time, span.end_time),
        ]
        values = span.values if isinstance(span, LeanSpan) else span._attributes  # noqa: SLF001 - the property copies
        self._attributes.encode(plain_items(values), fields)
        if span.dropped_attributes:
            fields.append(b"\x50" + varint(span.dropped_attributes))
        if span._events or span._links or context.trace_state:  # noqa: SLF001 - as above
            self._add_rest(span, context, fields)
        remote = parent is not None and parent.is_remote
        fields += (self._status(span.status), _FLAGS.pack(b"\x85\x01", _REMOTE if remote else _KNOWN))
        return b"".join(fields)

    def _add_rest(self, span: ReadableSpan, context: SpanContext, fields: list[bytes]) -> None:
        if context.trace_state:
            state = ",".join(f"{key}={value}" for key, value in context.trace_state.items())
            fields.append(text(b"\x1a", self._redactor.text(state)))
        fields += (delimited(b"\x5a", self._event(event)) for event in span.events)
        if span.dropped_events:
            fields.append(b"\x60" + varint(span.dropped_events))
        fields += (delimited(b"\x6a", self._link(link)) for link in span.links)
        if span.dropped_links:
            fields.append(b"\x70" + varint(span.dropped_links))

    def _event(self, event: Event) -> bytes:
        name = text(b"\x12", self._redactor.text(event.name))
        fields = [_TIME.pack(b"\x09", moment(event.timestamp)), name]
        self._event_attributes.encode(plain_items(event.attributes), fields)
        if event.dropped_attributes:
            fields.append(b"\x20" + varint(event.dropped_attributes))
        return b"".join(fields)

    def _link(self, link: Link) -> bytes:
        context = link.context
        fields = [_identity(context, None)]
        self._link_attributes.encode(plain_items(link.attributes), fields)
        if link.dropped_attributes:
            fields.append(b"\x28" + varint(link.dropped_attributes))
        fields.append(_LINK_FLAGS.pack(b"\x35", _REMOTE if context.is_remote else _KNOWN))
        return b"".join(fields)

    def _status(self, status: Status) -> bytes:
        code = _CODES[status.status_code]
        if status.description is None:
            return delimited(b"\x7a", code)
        return delimited(b"\x7a", text(b"\x12", self._redactor.text(status.description)) + code)


def _identity(context: SpanContext, parent: SpanContext | None) -> bytes:
    trace_id = context.trace_id
    ids = _IDS.pack(b"\x0a\x10", trace_id >> 64, trace_id & _HALF, b"\x12\x08", context.span_id)
    return ids if parent is None else ids + _PARENT.pack(b"\x22\x08", parent.span_id)


def _times(start: Any, end: Any) -> bytes:  # noqa: ANN401 - whatever the caller passed
    start = moment(start)
    # No span may end before it starts, whatever clocks its times came from.
    return _TIMES.pack(b"\x39", start, b"\x41", max(moment(end), start))


class LogEncoder:
    """Encodes log records as an ExportLogsServiceRequest. Source: logs.proto for the field numbers."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._attributes = AttributeEncoder(b"\x32")

    def __call__(self, batch: Sequence[LogItem]) -> Encoded:
        """Returns the request's bytes."""
        return _each(batch, self._add)

    def _add(self, item: LogItem, envelope: Envelope) -> None:
        if isinstance(item, OwnRecord):
            records = envelope.records_of(item.logger.resource, item.logger.instrumentation_scope)
            encoded = self._own(item)
        else:
            records = envelope.records_of(item.resource, item.instrumentation_scope)
            encoded = self._other(item)
        records.append(delimited(_RECORD, encoded))

    def _own(self, item: OwnRecord) -> bytes:
        fields = [
            _TIMES.pack(b"\x09", item.created, b"\x59", item.observed),
            b"\x10" + varint(item.severity),
            text(b"\x1a", item.severity_text),
            delimited(b"\x2a", text(b"\x0a", str(item.entry["event"]))),
        ]
        self._attributes.encode(item.entry.items(), fields, ENTRY_FACTS)
        if item.trace_id:
            fields.append(_log_identity(item.trace_id, item.span_id, item.trace_flags))
        return b"".join(fields)

    def _other(self, item: ReadableLogRecord) -> bytes:
        record = clean_record(self._redactor, item).log_record
        fields = [
            _TIMES.pack(b"\x09", moment(record.timestamp), b"\x59", moment(record.observed_timestamp)),
            text(b"\x1a", self._redactor.text(record.severity_text or "")),
            delimited(b"\x2a", any_value(ENCODABLE.value(record.body))),
            text(b"\x62", self._redactor.text(record.event_name or "")),
        ]
        if record.severity_number is not None:
            fields.append(b"\x10" + varint(record.severity_number.value))
        self._attributes.encode(plain_items(record.attributes), fields)
        if item.dropped_attributes:
            fields.append(b"\x38" + varint(item.dropped_attributes))
        if record.trace_id:
            fields.append(_log_identity(record.trace_id, record.span_id or 0, record.trace_flags or 0))
        return b"".join(fields)


def _log_identity(trace_id: int, span_id: int, flags: int) -> bytes:
    ids = _IDS.pack(b"\x4a\x10", trace_id >> 64, trace_id & _HALF, b"\x52\x08", span_id)
    return ids + b"\x45" + flags.to_bytes(4, "little")
