"""The log records' way out by OTLP: provider and queue; `otel.logs` makes the records."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk._logs import (
    LoggerProvider,
    LogRecordLimits,
    LogRecordProcessor,
    ReadableLogRecord,
    ReadWriteLogRecord,
)
from opentelemetry.sdk.resources import Resource

from otel.batch import BatchQueue
from otel.limits import Limits

_NO_CONTEXT: Final = Context()


class QueueLogProcessor(LogRecordProcessor):
    """Puts log records into the queue."""

    def __init__(self, queue: BatchQueue[ReadableLogRecord], shutdown_seconds: float) -> None:
        self._queue = queue
        self._shutdown_seconds = shutdown_seconds

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queues the record without its context, which would keep a whole request alive.

        The trace and span ids stand in the record already. It is not copied first, as the SDK does for
        the sake of processors behind it: ours is the last.
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
    """Makes the SDK's limits of log records."""
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
    """Makes the provider; it does not end itself at exit, `Telemetry.shutdown` does."""
    provider = LoggerProvider(
        resource,
        shutdown_on_exit=False,
        meter_provider=meters,
        log_record_limits=record_limits(limits),
    )
    for processor in processors:
        provider.add_log_record_processor(processor)
    return provider
