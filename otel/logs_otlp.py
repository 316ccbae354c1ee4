"""A log entry's way into the SDK: the same fields as on the stream, trace context and severity native."""

from __future__ import annotations

import logging
import time
from typing import Final, cast

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.sdk._logs import Logger, ReadWriteLogRecord
from opentelemetry.util.types import Attributes

from otel.limits import Limits
from otel.log_export import record_limits
from otel.logs_render import SHOWN, Entry

SCOPE_NAME: Final = "otel.logs"
"""Instrumentation scope of the records that our pipe emits; they are redacted already."""

_SEVERITIES: Final = {
    logging.DEBUG: (SeverityNumber.DEBUG, "DEBUG"),
    logging.INFO: (SeverityNumber.INFO, "INFO"),
    logging.WARNING: (SeverityNumber.WARN, "WARN"),
    logging.ERROR: (SeverityNumber.ERROR, "ERROR"),
    logging.CRITICAL: (SeverityNumber.FATAL, "FATAL"),
}
_NATIVE: Final = frozenset({"timestamp", "level", "event", "trace_id", "span_id", *SHOWN})


class OtlpLogger:
    """Emits entries under the scope `otel.logs`.

    The SDK (1.45.2) copies, checks and locks every attribute of a record, 18 µs for seven. An entry is made
    of checked JSON types already, so it is put into the record afterwards, unless a limit says how long a
    value may be or there are more attributes than allowed: then the SDK applies its limits.
    """

    def __init__(self, provider: LoggerProvider, limits: Limits) -> None:
        self._logger = provider.get_logger(SCOPE_NAME)
        self._limits = record_limits(limits)
        self._most = limits.counted(limits.log_count)
        limited = limits.measured(limits.log_value_length) is not None
        self._direct = self._logger if isinstance(self._logger, Logger) and not limited else None

    def emit(self, record: logging.LogRecord, entry: Entry) -> None:
        """Hands the entry to the SDK's processors, with the current trace context."""
        severity, text = _severity(record.levelno)
        attributes = {name: value for name, value in entry.items() if name not in _NATIVE}
        made = LogRecord(
            timestamp=int(record.created * 1e9),
            observed_timestamp=time.time_ns(),
            context=get_current(),
            severity_number=severity,
            severity_text=text,
            body=str(entry["event"]),
        )
        if self._direct is None or len(attributes) > self._most:
            made.attributes = cast("Attributes", attributes)
            self._logger.emit(made)
            return
        ready = ReadWriteLogRecord(
            made, self._direct.resource, self._direct.instrumentation_scope, self._limits
        )
        made.attributes = cast("Attributes", attributes)
        self._direct.emit(cast("LogRecord", ready))


def _severity(level: int) -> tuple[SeverityNumber, str]:
    known = _SEVERITIES.get(level)
    if known is not None:
        return known
    floor = max((number for number in _SEVERITIES if number <= level), default=logging.DEBUG)
    return _SEVERITIES[floor]
