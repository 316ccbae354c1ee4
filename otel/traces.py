"""The traces: sampler, limits and the way of a finished span into the queue."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

from otel.batch import BatchQueue
from otel.config import TelemetryConfig


class QueueSpanProcessor(SpanProcessor):
    """Puts sampled spans into the queue; a span that was not sampled is not produced."""

    def __init__(self, queue: BatchQueue[ReadableSpan], shutdown_seconds: float) -> None:
        self._queue = queue
        self._shutdown_seconds = shutdown_seconds

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Has nothing to do."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queues the span."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._queue.put(span)

    def shutdown(self) -> None:
        """Exports what is queued within the configured time."""
        self._queue.close(self._shutdown_seconds)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Exports what is queued; True if it arrived in time."""
        return self._queue.flush(timeout_millis / 1000)


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
        id_generator=ids,
        meter_provider=meters,
    )
    for processor in processors:
        provider.add_span_processor(processor)
    return provider
