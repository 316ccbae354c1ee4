"""OTLP exporters that redact and encode in one step, once per value; a bad item costs only itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http._common import RequestPayloadTooLargeError
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE

from otel.export.batch import Outcome
from otel.export.encoding import Encoded, LogEncoder, SpanEncoder
from otel.logs.provider import LogItem
from otel.redaction.engine import Redactor

_log = logging.getLogger(__name__)


def _send(exporter: Any, count: int, encoded: Encoded) -> Outcome:  # noqa: ANN401 - both share no base
    """Sends one request through the client of an SDK exporter, and counts it as that exporter does."""
    if exporter._shutdown:  # noqa: SLF001 - what the exporter's own `export` uses
        return Outcome(arrived=False)
    if count == encoded.left_out:
        return Outcome(arrived=True, unencodable=count)
    with exporter._metrics.export_operation(count - encoded.left_out) as result:  # noqa: SLF001 - as above
        arrived = _arrives(exporter, encoded.body, result)
    return Outcome(arrived, encoded.left_out)


def _arrives(exporter: Any, body: bytes, result: Any) -> bool:  # noqa: ANN401 - as above
    limit = exporter._max_request_size  # noqa: SLF001 - as above
    if 0 < limit < len(body):
        result.error = RequestPayloadTooLargeError(f"{len(body)} bytes exceed the limit of {limit}")
        _log.warning("dropped an oversized request: %s", result.error)
        return False
    sent = exporter._client.export(body)  # noqa: SLF001 - as above
    if not sent.success:
        result.error = sent.error
        if sent.status_code is not None:
            result.error_attrs = {HTTP_RESPONSE_STATUS_CODE: sent.status_code}
    return bool(sent.success)


class WireSpanExporter(OTLPSpanExporter):
    """Sends spans over OTLP/HTTP with all their texts redacted."""

    def __init__(self, redactor: Redactor, **options: Any) -> None:  # noqa: ANN401 - the SDK's own options
        super().__init__(**options)
        self._encode = SpanEncoder(redactor)

    def send(self, spans: Sequence[ReadableSpan]) -> Outcome:
        """Exports the spans and returns the outcome."""
        return _send(self, len(spans), self._encode(spans))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Exports the spans."""
        return SpanExportResult.SUCCESS if self.send(spans).arrived else SpanExportResult.FAILURE


class WireLogExporter(OTLPLogExporter):
    """Sends log records over OTLP/HTTP; those of foreign scopes are redacted first."""

    def __init__(self, redactor: Redactor, **options: Any) -> None:  # noqa: ANN401 - the SDK's own options
        super().__init__(**options)
        self._encode = LogEncoder(redactor)

    def send(self, batch: Sequence[LogItem]) -> Outcome:
        """Exports the records and returns the outcome."""
        return _send(self, len(batch), self._encode(batch))

    def export(self, batch: Sequence[LogItem]) -> LogRecordExportResult:
        """Exports the records."""
        return LogRecordExportResult.SUCCESS if self.send(batch).arrived else LogRecordExportResult.FAILURE
