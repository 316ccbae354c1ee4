"""The tracer provider: its limits, and the processors that queue a finished span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanLimits,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import TraceFlags

from otel.config.limits import Limits
from otel.config.settings import TelemetryConfig
from otel.traces.sampling import keep_failure, sampler
from otel.traces.tracer import LeanTracerProvider

if TYPE_CHECKING:
    from otel.export.batch import BatchQueue

_SAMPLED: Final = int(TraceFlags.SAMPLED)


class QueueSpanProcessor(SpanProcessor):
    """Queues sampled spans; one that was not sampled does not count as produced."""

    def __init__(self, queue: BatchQueue[ReadableSpan], shutdown_seconds: float) -> None:
        self._queue = queue
        self._shutdown_seconds = shutdown_seconds

    def on_end(self, span: ReadableSpan) -> None:
        """Queues the span if it was sampled."""
        context = span.get_span_context()
        if context is not None and context.trace_flags & _SAMPLED:
            self._queue.put(span)

    def shutdown(self) -> None:
        """Exports queued spans within the configured time."""
        self._queue.close(self._shutdown_seconds)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Exports queued spans; returns True if they arrived in time."""
        return self._queue.flush(timeout_millis / 1000)


class SpanProcessors(SynchronousMultiSpanProcessor):
    """Calls the queue only when a span ends; the SDK would call it three times per span."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the SDK gives it no types
        self._watching: tuple[SpanProcessor, ...] = ()

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Registers a processor; processors are called in the order of their registration."""
        super().add_span_processor(span_processor)
        if not isinstance(span_processor, QueueSpanProcessor):
            self._watching += (span_processor,)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Notifies every processor but the queue."""
        for processor in self._watching:
            processor.on_start(span, parent_context)

    def _on_ending(self, span: Span) -> None:
        keep_failure(span)
        if self._watching:
            super()._on_ending(span)


def span_limits(limits: Limits) -> SpanLimits:
    """Returns the SDK's limits for spans, events and links."""
    unlimited = SpanLimits.UNSET
    general, spans = limits.value_length, limits.measured(limits.span_value_length)
    return SpanLimits(
        max_attributes=limits.counted(None),
        max_events=128 if limits.events is None else limits.events,
        max_links=128 if limits.links is None else limits.links,
        max_span_attributes=limits.counted(limits.span_count),
        max_event_attributes=limits.counted(limits.event_count),
        max_link_attributes=limits.counted(limits.link_count),
        max_attribute_length=unlimited if general is None else general,
        max_span_attribute_length=unlimited if spans is None else spans,
    )


def tracer_provider(
    config: TelemetryConfig,
    resource: Resource,
    meters: MeterProvider,
    processors: tuple[SpanProcessor, ...],
    ids: IdGenerator | None = None,
) -> TracerProvider:
    """Creates the provider; `Telemetry.shutdown` shuts it down, not an exit handler of its own."""
    provider = LeanTracerProvider(
        sampler=sampler(config),
        resource=resource,
        shutdown_on_exit=False,
        span_limits=span_limits(config.limits),
        active_span_processor=SpanProcessors(),
        id_generator=ids,
        meter_provider=meters,
    )
    for processor in processors:
        provider.add_span_processor(processor)
    return provider
