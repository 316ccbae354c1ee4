"""The global providers: set once per process, they delegate to the telemetry that is currently configured.

The API lets its global providers be set only once, and a tracer that was fetched early keeps the provider it
got. Because these three delegate, a test can configure, shut down and configure again. The cost is one more
call per span.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs as logs_api
from opentelemetry import metrics, trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider


class CurrentMeterProvider(metrics.MeterProvider):
    """Returns meters of the provider that is configured at the time of the call."""

    target: metrics.MeterProvider = metrics.NoOpMeterProvider()

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,  # noqa: ANN401 - the API's own type
    ) -> metrics.Meter:
        """Returns a meter of the current provider."""
        return self.target.get_meter(name, version, schema_url, attributes)


class CurrentLoggerProvider(logs_api.LoggerProvider):
    """Returns loggers of the provider that is configured at the time of the call."""

    target: logs_api.LoggerProvider = logs_api.NoOpLoggerProvider()

    def get_logger(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,  # noqa: ANN401 - the API's own type
    ) -> logs_api.Logger:
        """Returns a logger of the current provider."""
        return self.target.get_logger(name, version, schema_url, attributes)


class CurrentTracerProvider(trace.TracerProvider):
    """Returns tracers that use whichever provider is configured when a span starts."""

    target: trace.TracerProvider = trace.NoOpTracerProvider()

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,  # noqa: ANN401 - the API's own type
    ) -> trace.Tracer:
        """Returns a tracer that delegates to the current provider."""
        scope = (instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        return _CurrentTracer(self, scope)


class _CurrentTracer(trace.Tracer):
    def __init__(self, provider: CurrentTracerProvider, scope: tuple[Any, ...]) -> None:
        self._provider = provider
        self._scope = scope
        self._target: trace.TracerProvider | None = None
        self._tracer: trace.Tracer = trace.NoOpTracer()

    def start_span(self, *args: Any, **options: Any) -> trace.Span:  # noqa: ANN401 - passed on as they are
        return self._now().start_span(*args, **options)

    def start_as_current_span(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on as they are
        return self._now().start_as_current_span(*args, **options)

    def _now(self) -> trace.Tracer:
        target = self._provider.target
        if target is not self._target:
            self._tracer, self._target = target.get_tracer(*self._scope), target
        return self._tracer


METERS: Final = CurrentMeterProvider()
TRACERS: Final = CurrentTracerProvider()
LOGGERS: Final = CurrentLoggerProvider()


def set_current(
    meters: metrics.MeterProvider, tracers: trace.TracerProvider, loggers: logs_api.LoggerProvider
) -> None:
    """Makes these the API's global providers.

    Raises:
        RuntimeError: Another global provider is already set.
    """
    METERS.target, TRACERS.target, LOGGERS.target = meters, tracers, loggers
    if metrics.get_meter_provider() is not METERS:
        metrics.set_meter_provider(METERS)
    if trace.get_tracer_provider() is not TRACERS:
        trace.set_tracer_provider(TRACERS)
    if logs_api.get_logger_provider() is not LOGGERS:
        logs_api.set_logger_provider(LOGGERS)
    if trace.get_tracer_provider() is not TRACERS or metrics.get_meter_provider() is not METERS:
        raise RuntimeError(
            "another global OpenTelemetry provider is set: call otel.configure() first, or instead"
        )


def unset_current() -> None:
    """Resets the API's global providers to no-ops."""
    METERS.target = metrics.NoOpMeterProvider()
    TRACERS.target = trace.NoOpTracerProvider()
    LOGGERS.target = logs_api.NoOpLoggerProvider()


def renew_sdk_after_fork(
    meters: MeterProvider,
    tracers: TracerProvider,
    loggers: LoggerProvider,
    readers: Sequence[MetricReader],
    resource: Resource,
) -> None:
    """Resets the SDK's providers in a forked child: zero counts, the child's own resource.

    The SDK (1.45.2) keeps the parent's sums, which both processes would then export
    (opentelemetry-python#3885), and replaces `service.instance.id` with a random one. It has no public API to
    change either.
    """
    consumer = meters._measurement_consumer  # noqa: SLF001 - see above
    consumer._lock = threading.Lock()  # noqa: SLF001 - the parent may have held it at the fork
    for reader in readers:
        consumer.add_metric_reader(reader)
    for provider in (meters, tracers, loggers):
        provider._update_resource(resource)  # noqa: SLF001 - see above
