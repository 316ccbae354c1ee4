"""The peers, set up as their own documentation says, each in its own process.

Packages that the project does not depend on are imported by name: only the benchmark's environment has them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import sentry_sdk
from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

Flush = Callable[[], object]
Attach = Callable[[FastAPI], Flush]


def contrib() -> Attach:
    """OpenTelemetry as its "getting started" page sets it up, without options."""
    flush = _sdk()

    def attach(app: FastAPI) -> Flush:
        FastAPIInstrumentor.instrument_app(app)
        return flush

    return attach


def contrib_tuned() -> Attach:
    """The same with the one option that saves most."""
    flush = _sdk()

    def attach(app: FastAPI) -> Flush:
        FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
        return flush

    return attach


def contrib_unmatched() -> Attach:
    """The same, but no route ever matches, to measure the cost of its own route matching."""
    library = import_module("opentelemetry.instrumentation.fastapi")
    setattr(library, "_get_route_details", lambda _scope: None)  # noqa: B010 - taken out by force, to measure it
    return contrib_tuned()


def copied() -> Attach:
    """What most services have: contrib, Sentry and prometheus-fastapi-instrumentator side by side."""
    sentry_sdk.init()  # the DSN comes from SENTRY_DSN; integrations are detected automatically
    flush = _sdk()
    instrumentator = import_module("prometheus_fastapi_instrumentator").Instrumentator

    def attach(app: FastAPI) -> Flush:
        instrumentator().instrument(app).expose(app)
        FastAPIInstrumentor.instrument_app(app)
        return flush

    return attach


def logfire() -> Attach:
    """Logfire with its "alternative backends" recipe: OTEL_EXPORTER_OTLP_ENDPOINT and no cloud.

    Printing every span to the console is off, which saves it time.
    """
    library = import_module("logfire")
    library.configure(send_to_logfire=False, console=False)
    library.instrument_pymongo()

    def attach(app: FastAPI) -> Flush:
        library.instrument_fastapi(app)
        return _force_flush

    return attach


def _sdk() -> Flush:
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracers)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
    import_module("opentelemetry.instrumentation.pymongo").PymongoInstrumentor().instrument()
    return tracers.force_flush


def _force_flush() -> object:
    provider = trace.get_tracer_provider()
    return provider.force_flush()  # type: ignore[attr-defined]  # logfire's provider; the API has no such method
