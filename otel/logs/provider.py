"""OTLP export of log records: provider and queue; `otel.logs` makes the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk._logs import (
    Logger,
    LoggerProvider,
    LogRecordLimits,
    LogRecordProcessor,
    ReadableLogRecord,
    ReadWriteLogRecord,
)
from opentelemetry.sdk.resources import Resource

from otel.config.limits import Limits
from otel.logs.render import SHOWN

if TYPE_CHECKING:
    from otel.export.batch import BatchQueue

_NO_CONTEXT: Final = Context()


class OwnRecord(NamedTuple):
    """A redacted record of our own pipeline, queued for the OTLP exporter; times are nanoseconds.

    `logger` holds the resource and the scope, `severity` is the OTLP number. The exporter skips
    `ENTRY_FACTS` in `entry`, which it takes from the other fields or the resource.
    """

    logger: Logger
    created: int
    observed: int
    severity: int
    severity_text: str
    entry: dict[str, Any]
    trace_id: int
    span_id: int
    trace_flags: int


LogItem = ReadableLogRecord | OwnRecord
"""An item in the queue of log records."""

ENTRY_FACTS: Final = frozenset({"timestamp", "level", "event", "trace_id", "span_id", *SHOWN})
"""Fields of a log entry that are not attributes of the OTLP record."""


class QueueLogProcessor(LogRecordProcessor):
    """Puts log records into the queue."""

    def __init__(self, queue: BatchQueue[LogItem], shutdown_seconds: float) -> None:
        self._queue = queue
        self._shutdown_seconds = shutdown_seconds

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queues the record without its context, which would keep a whole request alive.

        The record already has the trace and span ids. Unlike in the SDK it is not copied for later
        processors: ours is the last.
        """
        record = log_record.log_record
        record.context = _NO_CONTEXT
        resource = log_record.resource or Resource.get_empty()
        self._queue.put(
            ReadableLogRecord(record, resource, log_record.instrumentation_scope, log_record.limits)
        )

    def shutdown(self) -> None:
        """Exports what is queued within the configured time."""
        self._queue.close(self._shutdown_seconds)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Exports what is queued; True if it arrived in time."""
        return self._queue.flush(timeout_millis / 1000)


def record_limits(limits: Limits) -> LogRecordLimits:
    """Creates the SDK's limits for log records."""
    length, general = limits.measured(limits.log_value_length), limits.value_length
    return LogRecordLimits(
        max_attributes=limits.counted(None),
        max_attribute_length=LogRecordLimits.UNSET if general is None else general,
        max_log_record_attributes=limits.counted(limits.log_count),
        max_log_record_attribute_length=LogRecordLimits.UNSET if length is None else length,
    )


def logger_provider(
    resource: Resource,
    meters: MeterProvider,
    processors: tuple[LogRecordProcessor, ...],
    limits: Limits,
) -> LoggerProvider:
    """Creates the provider; it does not shut down at exit, `Telemetry.shutdown` does that."""
    provider = LoggerProvider(
        resource,
        shutdown_on_exit=False,
        meter_provider=meters,
        log_record_limits=record_limits(limits),
    )
    for processor in processors:
        provider.add_log_record_processor(processor)
    return provider
