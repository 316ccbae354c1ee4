"""OTLP exporters over `otel.export.wire`: redaction and encoding in one step, once per value."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common._internal._log_encoder import _encode_log
from opentelemetry.exporter.otlp.proto.common._internal.trace_encoder import _encode_span
from opentelemetry.exporter.otlp.proto.http._common import RequestPayloadTooLargeError
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from otel.export.redacting import clean_record, clean_span, redacted_value
from otel.export.wire import AttributeEncoder, Envelope, delimited, plain_items, text, varint
from otel.logs.provider import ENTRY_FACTS, LogItem, OwnRecord
from otel.redaction.engine import Redactor
from otel.traces.span import LeanSpan

_RECORD: Final = b"\x12"  # `spans` of ScopeSpans and `log_records` of ScopeLogs
_KINDS: Final = {
    SpanKind.INTERNAL: b"\x30\x01",
    SpanKind.SERVER: b"\x30\x02",
    SpanKind.CLIENT: b"\x30\x03",
    SpanKind.PRODUCER: b"\x30\x04",
    SpanKind.CONSUMER: b"\x30\x05",
}
_STATUS: Final = {
    StatusCode.UNSET: b"\x7a\x00",
    StatusCode.OK: b"\x7a\x02\x18\x01",
    StatusCode.ERROR: b"\x7a\x02\x18\x02",
}
_IDS: Final = struct.Struct(">2sQQ2sQ")  # trace id in two halves, span id
_PARENT: Final = struct.Struct(">2sQ")
_TIMES: Final = struct.Struct("<cQcQ")
_FLAGS: Final = struct.Struct("<2sI")
_HALF: Final = (1 << 64) - 1
# SpanFlags of trace.proto: whether `is_remote` is known, and whether it is true.
_KNOWN, _REMOTE = 0x100, 0x300
_log = logging.getLogger(__name__)


def _send(exporter: Any, count: int, encode: Callable[[], bytes]) -> bool:  # noqa: ANN401 - both share no base
    """Sends one request with the client of an exporter of the SDK's, and counts it as that exporter does."""
    if exporter._shutdown:  # noqa: SLF001 - the parts of the exporter that its own `export` consists of
        return False
    with exporter._metrics.export_operation(count) as result:  # noqa: SLF001 - as above
        body = encode()
        limit = exporter._max_request_size  # noqa: SLF001 - as above
        if 0 < limit < len(body):
            result.error = RequestPayloadTooLargeError(f"{len(body)} bytes are more than {limit}")
            _log.warning("a request is too large and dropped: %s", result.error)
            return False
        sent = exporter._client.export(body)  # noqa: SLF001 - as above
        if not sent.success:
            result.error = sent.error
            if sent.status_code is not None:
                result.error_attrs = {HTTP_RESPONSE_STATUS_CODE: sent.status_code}
        return bool(sent.success)


class WireSpanExporter(OTLPSpanExporter):
    """Sends spans by OTLP over HTTP with names, attributes, events, links and descriptions redacted."""

    def __init__(self, redactor: Redactor, **options: Any) -> None:  # noqa: ANN401 - the SDK's own options
        super().__init__(**options)
        self.encode = SpanEncoder(redactor)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Exports the spans."""
        sent = _send(self, len(spans), lambda: self.encode(spans))
        return SpanExportResult.SUCCESS if sent else SpanExportResult.FAILURE


class WireLogExporter(OTLPLogExporter):
    """Sends log records by OTLP over HTTP; those of other scopes than ours are redacted first."""

    def __init__(self, redactor: Redactor, **options: Any) -> None:  # noqa: ANN401 - the SDK's own options
        super().__init__(**options)
        self.encode = LogEncoder(redactor)

    def export(self, batch: Sequence[LogItem]) -> LogRecordExportResult:
        """Exports the records."""
        sent = _send(self, len(batch), lambda: self.encode(batch))
        return LogRecordExportResult.SUCCESS if sent else LogRecordExportResult.FAILURE


class SpanEncoder:
    """Makes an ExportTraceServiceRequest of redacted spans."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._attributes = AttributeEncoder(
            b"\x4a", lambda key, value: redacted_value(redactor, key, value), redactor.text
        )

    def __call__(self, spans: Sequence[ReadableSpan]) -> bytes:
        """Returns the request's bytes."""
        envelope = Envelope()
        for span in spans:
            records = envelope.records_of(span.resource, span.instrumentation_scope)
            records.append(delimited(_RECORD, self._span(span)))
        return envelope.to_bytes()

    def _span(self, span: ReadableSpan) -> bytes:
        context, status = span.get_span_context(), span.status
        if context is None or context.trace_state or status.description is not None:
            return self._rare(span)
        if span._events or span._links or span.start_time is None or span.end_time is None:  # noqa: SLF001 - the properties copy
            return self._rare(span)
        fields = [
            _identity(context, span.parent),
            text(b"\x2a", self._redactor.text(span.name)),
            _KINDS[span.kind],
            _TIMES.pack(b"\x39", span.start_time, b"\x41", span.end_time),
        ]
        values = span.values if isinstance(span, LeanSpan) else span._attributes  # noqa: SLF001 - as above
        self._attributes.encode(plain_items(values), fields)
        dropped = span.dropped_attributes
        if dropped:
            fields.append(b"\x50" + varint(dropped))
        remote = span.parent is not None and span.parent.is_remote
        fields += (_STATUS[status.status_code], _FLAGS.pack(b"\x85\x01", _REMOTE if remote else _KNOWN))
        return b"".join(fields)

    def _rare(self, span: ReadableSpan) -> bytes:
        return _encode_span(clean_span(self._redactor, span)).SerializeToString()


def _identity(context: SpanContext, parent: SpanContext | None) -> bytes:
    trace_id = context.trace_id
    ids = _IDS.pack(b"\x0a\x10", trace_id >> 64, trace_id & _HALF, b"\x12\x08", context.span_id)
    return ids if parent is None else ids + _PARENT.pack(b"\x22\x08", parent.span_id)


class LogEncoder:
    """Makes an ExportLogsServiceRequest of log records."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._attributes = AttributeEncoder(b"\x32")

    def __call__(self, batch: Sequence[LogItem]) -> bytes:
        """Returns the request's bytes."""
        envelope = Envelope()
        for item in batch:
            if isinstance(item, OwnRecord):
                resource, scope = item.logger.resource, item.logger.instrumentation_scope
                encoded = self._own(item)
            else:
                resource, scope = item.resource, item.instrumentation_scope
                encoded = _encode_log(clean_record(self._redactor, item)).SerializeToString()
            envelope.records_of(resource, scope).append(delimited(_RECORD, encoded))
        return envelope.to_bytes()

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


def _log_identity(trace_id: int, span_id: int, flags: int) -> bytes:
    ids = _IDS.pack(b"\x4a\x10", trace_id >> 64, trace_id & _HALF, b"\x52\x08", span_id)
    return ids + b"\x45" + flags.to_bytes(4, "little")
