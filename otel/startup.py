"""Startup, in order: pipelines, global providers, logging, error reports, instrumentation."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Final

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider, Observation
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import CarrierT, Getter, default_getter
from opentelemetry.trace import NoOpTracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel.config.settings import TelemetryConfig
from otel.ends import around_fork
from otel.errors.reports import start_reports
from otel.export.pipelines import Pipelines, Undo, assemble
from otel.export.wire_export import WireLogExporter
from otel.libraries.query_table import forget_queries
from otel.logs.logger import configure_logging
from otel.logs.recent import RecentRecords
from otel.metrics.catalogue import Catalogue
from otel.metrics.data import DeclaredMetrics
from otel.metrics.declared_meters import DeclaredMeterProvider
from otel.metrics.event_loop import LOOP_METRICS
from otel.metrics.guarded_meters import GuardedMeterProvider
from otel.metrics.process import PROCESS_METRICS, SYSTEM_METRICS
from otel.metrics.sdk import SDK_METRICS
from otel.metrics.self import EVENTS_DROPPED, SELF_METRICS, count_unencodable
from otel.providers import set_current
from otel.redaction.engine import Redactor
from otel.resource import WorkerSlot, build_resource, service_name
from otel.telemetry import Telemetry
from otel.traces.current import replace_use_span

if TYPE_CHECKING:
    from otel.errors.sentry import SentryHandle
    from otel.testing.sinks import MemorySinks

OWN: Final = (SELF_METRICS, SDK_METRICS, LOOP_METRICS, PROCESS_METRICS, SYSTEM_METRICS)
LIBRARIES: Final = {
    "otel.http.app": ("fastapi",),
    "otel.libraries.mongo": ("pymongo",),
    "otel.libraries.redis": ("redis",),
    "otel.libraries.httpx": ("httpx", "opentelemetry.instrumentation.httpx"),
}
"""Our modules and the packages that each needs; a module is skipped if one is not installed."""

LOG_FIELDS: Final = ("service.name", "service.version", "service.instance.id", "deployment.environment.name")
"""The resource attributes in every log line."""


def catalogues() -> list[Catalogue]:
    """Lists the library's own catalogues and those of the installed integrations."""
    found = [
        value for module in _installed() for value in vars(module).values() if isinstance(value, Catalogue)
    ]
    return [*OWN, *dict.fromkeys(found)]


def start(config: TelemetryConfig, given: tuple[Catalogue, ...], memory: MemorySinks | None) -> Telemetry:
    """Starts everything; a failure on the way undoes what was started."""
    redactor = Redactor(config.redact_keys, count_unencodable)
    slot = WorkerSlot(service_name(config))
    resource = build_resource(config, slot)
    declared = DeclaredMetrics(
        dict.fromkeys([*catalogues(), *given]), exemplars=config.exemplar_filter != "always_off"
    )
    if memory is not None:
        declared.forget()
    forget_queries()
    parts = assemble(config, redactor, resource, declared, memory)
    telemetry = Telemetry(config, redactor, slot, declared, parts)
    try:
        parts.undo += _make_current(config, redactor, declared, parts)
        _switch_on(config, redactor, parts, memory)
    except BaseException:
        telemetry.shutdown(1)
        raise
    around_fork(telemetry.renew_after_fork)
    return telemetry


def _make_current(
    config: TelemetryConfig, redactor: Redactor, declared: DeclaredMetrics, parts: Pipelines
) -> list[Undo]:
    if config.disabled:
        # A dropping sampler would make the next service drop too: a caller's trace must pass unchanged.
        set_current(NoOpMeterProvider(), NoOpTracerProvider(), NoOpLoggerProvider())
        return []
    guarded = GuardedMeterProvider(parts.meters, declared.losses_of, redactor)
    set_current(DeclaredMeterProvider(guarded, declared.lend), parts.tracers, parts.loggers)
    return [replace_use_span()]


def _switch_on(
    config: TelemetryConfig, redactor: Redactor, parts: Pipelines, memory: MemorySinks | None
) -> None:
    parts.undo.append(_set_propagators(config))
    facts = parts.tracers.resource.attributes
    parts.recent = RecentRecords(config.recent_records) if config.recent_records else None
    undo = configure_logging(
        config,
        logger_provider=None if config.logs_exporter == "none" else parts.loggers,
        stream=memory.output if memory else None,
        redactor=redactor,
        resource={key: str(facts[key]) for key in LOG_FIELDS if key in facts},
        queue=parts.logs if isinstance(parts.log_exporter, WireLogExporter) else None,
        recent=parts.recent,
    )
    parts.undo.append(undo)
    parts.errors = start_reports(config, redactor, transport=memory.errors if memory else None)
    if parts.errors:
        parts.undo.append(_observe_errors(parts.errors))
    for module in _installed():
        parts.undo += _start(module, config, redactor)


def _set_propagators(config: TelemetryConfig) -> Undo:
    before = get_global_textmap()
    known = {"tracecontext": TraceContextTextMapPropagator, "baggage": W3CBaggagePropagator}
    set_global_textmap(_Propagators([known[name]() for name in config.propagators if name in known]))
    return lambda: set_global_textmap(before)


class _Propagators(CompositePropagator):
    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        # The SDK's own (1.45.2) returns None if there is no propagator, and its callers attach that.
        return super().extract(carrier, Context() if context is None else context, getter)


def _installed() -> list[ModuleType]:
    return [import_module(ours) for ours, needed in LIBRARIES.items() if all(map(find_spec, needed))]


def _start(module: ModuleType, config: TelemetryConfig, redactor: Redactor) -> list[Undo]:
    """Starts one integration; returns its undo function, if it has one."""
    starts: dict[str, Callable[[], object]] = {
        "otel.libraries.mongo": lambda: module.register(config, redactor),
        "otel.libraries.redis": lambda: module.instrument(config),
        "otel.libraries.httpx": lambda: module.instrument(),  # noqa: PLW0108 - only the httpx module has this signature
    }
    undo = starts.get(module.__name__, lambda: None)()
    return [undo] if callable(undo) else []


def _observe_errors(errors: SentryHandle) -> Undo:
    def lost() -> list[Observation]:
        return [Observation(count, {"reason": reason}) for reason, count in errors.dropped().items()]

    stop = EVENTS_DROPPED.observe(lost)

    def undo() -> None:
        stop()
        errors.close(0)

    return undo
