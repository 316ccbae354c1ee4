"""The traces: sampler, limits and the way of a finished span into the queue."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ReadableSpan,
    Span,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import TraceFlags

from otel.batch import BatchQueue
from otel.config import TelemetryConfig

_SAMPLED: Final = int(TraceFlags.SAMPLED)


class QueueSpanProcessor(SpanProcessor):
    """Puts sampled spans into the queue; a span that was not sampled is not produced."""

    def __init__(self, queue: BatchQueue[ReadableSpan], shutdown_seconds: float) -> None:
        self._queue = queue
        self._shutdown_seconds = shutdown_seconds

    def on_end(self, span: ReadableSpan) -> None:
        """Queues the span."""
        context = span.get_span_context()
        if context is not None and context.trace_flags & _SAMPLED:
            self._queue.put(span)

    def shutdown(self) -> None:
        """Exports what is queued within the configured time."""
        self._queue.close(self._shutdown_seconds)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Exports what is queued; True if it arrived in time."""
        return self._queue.flush(timeout_millis / 1000)


class SpanProcessors(SynchronousMultiSpanProcessor):
    """Calls the queue at the end of a span alone; the SDK would call it three times per span."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the SDK gives it no types
        self._watching: tuple[SpanProcessor, ...] = ()

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Registers a processor; they are called in this order."""
        super().add_span_processor(span_processor)
        if not isinstance(span_processor, QueueSpanProcessor):
            self._watching += (span_processor,)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Tells all but the queue of the start."""
        for processor in self._watching:
            processor.on_start(span, parent_context)

    def _on_ending(self, span: Span) -> None:
        if self._watching:
            super()._on_ending(span)


def sampler(config: TelemetryConfig) -> Sampler:
    """Makes the sampler that OTEL_TRACES_SAMPLER and its argument name."""
    name = config.sampler.removeprefix("parentbased_")
    root = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": TraceIdRatioBased(config.sampler_ratio),
    }[name]
    return root if name == config.sampler else ParentBased(root)


def tracer_provider(
    config: TelemetryConfig,
    resource: Resource,
    meters: MeterProvider,
    processors: tuple[SpanProcessor, ...],
    ids: IdGenerator | None = None,
) -> TracerProvider:
    """Makes the provider; it does not end itself at exit, `Telemetry.shutdown` does."""
    provider = TracerProvider(
        sampler=sampler(config),
        resource=resource,
        shutdown_on_exit=False,
        active_span_processor=SpanProcessors(),
        id_generator=ids,
        meter_provider=meters,
    )
    for processor in processors:
        provider.add_span_processor(processor)
    return provider
