"""Assembles each signal's export path: from settings to running queues, exporters and providers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from opentelemetry.metrics import MeterProvider as ApiMeterProvider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from otel.config.settings import TelemetryConfig
from otel.errors.reports import ErrorReports
from otel.export import exporters
from otel.export.accounting import SignalAccount
from otel.export.batch import BatchQueue
from otel.export.queue_metrics import observe_queue
from otel.export.redacting import RedactingLogExporter, RedactingSpanExporter
from otel.logs.provider import LogItem, QueueLogProcessor, logger_provider
from otel.logs.recent import RecentRecords
from otel.metrics.data import DeclaredMetrics
from otel.metrics.declared_meters import DeclaredMeterProvider
from otel.metrics.readers import ExportReader, MemoryReader, TextReader, meter_provider
from otel.metrics.sdk import find_sdk_instrument
from otel.metrics.self import observe_losses
from otel.providers import METERS
from otel.redaction.engine import Redactor
from otel.traces.provider import QueueSpanProcessor, tracer_provider

if TYPE_CHECKING:
    from otel.testing.sinks import MemorySinks

Undo = Callable[[], None]
Queue = BatchQueue[ReadableSpan] | BatchQueue[LogItem]


@dataclass(slots=True)
class Pipelines:
    """The assembled parts; a signal that is switched off has no queue."""

    meters: MeterProvider
    tracers: TracerProvider
    loggers: LoggerProvider
    readers: list[MetricReader]
    metric_account: SignalAccount
    sessions: exporters.Sessions
    spans: BatchQueue[ReadableSpan] | None = None
    span_exporter: SpanExporter | None = None
    logs: BatchQueue[LogItem] | None = None
    log_exporter: LogRecordExporter | None = None
    text: TextReader | None = None
    errors: ErrorReports | None = None
    recent: RecentRecords | None = None
    undo: list[Undo] = field(default_factory=list)


def assemble(
    config: TelemetryConfig,
    redactor: Redactor,
    resource: Resource,
    declared: DeclaredMetrics,
    memory: MemorySinks | None = None,
) -> Pipelines:
    """Creates providers, queues and exporters; `memory` replaces the configured exporters."""
    sdk_meters = DeclaredMeterProvider(METERS, find_sdk_instrument)
    account, sessions = SignalAccount(), exporters.Sessions()
    readers = _readers(config, declared, sdk_meters, account, sessions, memory)
    spans = _spans(config, redactor, sdk_meters, sessions, memory)
    logs = _logs(config, redactor, sdk_meters, sessions, memory)
    parts = Pipelines(
        meters=meter_provider(config, resource, declared, readers),
        tracers=tracer_provider(
            config, resource, sdk_meters, spans.processors, memory.ids if memory else None
        ),
        loggers=logger_provider(resource, sdk_meters, logs.processors, config.limits),
        readers=readers,
        metric_account=account,
        sessions=sessions,
        spans=spans.queue,
        span_exporter=spans.exporter,
        logs=logs.queue,
        log_exporter=logs.exporter,
        text=next((reader for reader in readers if isinstance(reader, TextReader)), None),
    )
    parts.undo += observe_losses(declared.losses)
    queues = {"traces": parts.spans, "logs": parts.logs}
    parts.undo += [observe_queue(signal, queue) for signal, queue in queues.items() if queue is not None]
    return parts


def _readers(
    config: TelemetryConfig,
    declared: DeclaredMetrics,
    meters: ApiMeterProvider,
    account: SignalAccount,
    sessions: exporters.Sessions,
    memory: MemorySinks | None,
) -> list[MetricReader]:
    readers: list[MetricReader] = [TextReader(declared)] if config.prometheus else []
    if memory is not None:
        return [MemoryReader(declared), *readers]
    exporter = exporters.metric_exporter(config, meters, sessions)
    if exporter is None:
        return readers
    counted = exporters.AccountingMetricExporter(exporter, account)
    # the text reader shuts down at once, so it comes before the one that may use up the time
    return [*readers, ExportReader(declared, counted, config.metric_export_interval)]


@dataclass(frozen=True, slots=True)
class _SpanPath:
    processors: tuple[SpanProcessor, ...] = ()
    exporter: SpanExporter | None = None
    queue: BatchQueue[ReadableSpan] | None = None


@dataclass(frozen=True, slots=True)
class _LogPath:
    processors: tuple[LogRecordProcessor, ...] = ()
    exporter: LogRecordExporter | None = None
    queue: BatchQueue[LogItem] | None = None


def _spans(
    config: TelemetryConfig,
    redactor: Redactor,
    meters: ApiMeterProvider,
    sessions: exporters.Sessions,
    memory: MemorySinks | None,
) -> _SpanPath:
    if memory is not None:
        return _SpanPath(
            (SimpleSpanProcessor(RedactingSpanExporter(memory.spans, redactor), meter_provider=meters),)
        )
    exporter = exporters.span_exporter(config, redactor, meters, sessions)
    if exporter is None:
        return _SpanPath()
    queue: BatchQueue[ReadableSpan] = BatchQueue(
        "spans",
        partial(exporters.send_spans, exporter),
        capacity=config.span_queue_size,
        batch_size=config.span_batch_size,
        delay=config.span_delay,
    )
    return _SpanPath((QueueSpanProcessor(queue, config.shutdown_seconds),), exporter, queue)


def _logs(
    config: TelemetryConfig,
    redactor: Redactor,
    meters: ApiMeterProvider,
    sessions: exporters.Sessions,
    memory: MemorySinks | None,
) -> _LogPath:
    if memory is not None:
        return _LogPath(
            (SimpleLogRecordProcessor(RedactingLogExporter(memory.logs, redactor), meter_provider=meters),)
        )
    exporter = exporters.log_exporter(config, redactor, meters, sessions)
    if exporter is None:
        return _LogPath()
    queue: BatchQueue[LogItem] = BatchQueue(
        "logs",
        partial(exporters.send_logs, exporter),
        capacity=config.log_queue_size,
        batch_size=config.log_batch_size,
        delay=config.log_delay,
    )
    return _LogPath((QueueLogProcessor(queue, config.shutdown_seconds),), exporter, queue)
