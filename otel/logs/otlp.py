"""Passes log entries to the SDK: the same fields as on the stream, with native trace context and severity."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, cast

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.context import Context, get_current
from opentelemetry.sdk._logs import Logger
from opentelemetry.trace import INVALID_SPAN, SpanContext, set_span_in_context
from opentelemetry.util.types import Attributes

from otel.config.limits import Limits
from otel.logs.provider import ENTRY_FACTS, LogItem, OwnRecord
from otel.logs.render import Entry
from otel.metrics.sdk import CREATED_LOGS

if TYPE_CHECKING:
    from otel.export.batch import BatchQueue

SCOPE_NAME: Final = "otel.logs"
"""Instrumentation scope of the records that our pipeline emits, already redacted."""

_SEVERITIES: Final = {
    logging.DEBUG: (SeverityNumber.DEBUG, "DEBUG"),
    logging.INFO: (SeverityNumber.INFO, "INFO"),
    logging.WARNING: (SeverityNumber.WARN, "WARN"),
    logging.ERROR: (SeverityNumber.ERROR, "ERROR"),
    logging.CRITICAL: (SeverityNumber.FATAL, "FATAL"),
}
# Not an empty context: the API would use the current one instead.
_NO_SPAN: Final = set_span_in_context(INVALID_SPAN, Context())
_CREATED: Final = CREATED_LOGS.with_attributes({})


class OtlpLogger:
    """Emits entries under the scope `otel.logs`.

    With a `queue` they go straight into it: the SDK (1.45.2) copies, checks and locks every attribute of a
    record, while an entry already consists of checked JSON types. Only if a value length limit is set, or
    an entry has too many attributes, does it go through `provider`'s SDK logger, which applies the limits.
    """

    def __init__(
        self, provider: LoggerProvider, limits: Limits, queue: BatchQueue[LogItem] | None = None
    ) -> None:
        self._logger = provider.get_logger(SCOPE_NAME)
        self._most = limits.counted(limits.log_count)
        limited = limits.measured(limits.log_value_length) is not None
        self._direct = self._logger if isinstance(self._logger, Logger) and not limited else None
        self._queue = queue

    def is_direct(self, fields: int) -> bool:
        """Returns whether an entry with this many fields bypasses the SDK and its locks."""
        return self._queue is not None and self._direct is not None and fields <= self._most

    def emit(self, record: logging.LogRecord, entry: Entry, span: SpanContext) -> None:
        """Queues the entry, or passes it to the SDK's processors, as part of `span`."""
        severity, text = _severity(record.levelno)
        created = int(record.created * 1e9)
        if self._queue is not None and self._direct is not None and self._fits(entry):
            _CREATED.add(1)
            observed, (trace_id, span_id, _, flags, *_) = time.time_ns(), span
            self._queue.put(
                OwnRecord(
                    self._direct, created, observed, severity.value, text, entry, trace_id, span_id, flags
                )
            )
            return
        made = LogRecord(
            timestamp=created,
            observed_timestamp=time.time_ns(),
            context=get_current() if span.is_valid else _NO_SPAN,
            severity_number=severity,
            severity_text=text,
            body=str(entry["event"]),
            attributes=cast("Attributes", {name: entry[name] for name in entry if name not in ENTRY_FACTS}),
        )
        self._logger.emit(made)

    def _fits(self, entry: Entry) -> bool:
        return len(entry) <= self._most or sum(name not in ENTRY_FACTS for name in entry) <= self._most


def _severity(level: int) -> tuple[SeverityNumber, str]:
    known = _SEVERITIES.get(level)
    if known is not None:
        return known
    floor = max((number for number in _SEVERITIES if number <= level), default=logging.DEBUG)
    return _SEVERITIES[floor]
