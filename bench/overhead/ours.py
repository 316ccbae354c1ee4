"""Our own library, configured by its environment as in production."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from opentelemetry import context, trace
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Receive, Scope, Send

import otel
import otel.http.app
import otel.startup
from otel.config.settings import TelemetryConfig
from otel.http.exchange import Exchange
from otel.http.span import DESCRIPTION, span_details
from otel.providers import LOGGERS, TRACERS
from otel.redaction.engine import Redactor

Flush = Callable[[], object]
Attach = Callable[[FastAPI], Flush]


def plain() -> Attach:
    """Makes the two calls that a service makes; the variant's environment switches features."""
    otel.configure(TelemetryConfig.from_env())

    def attach(app: FastAPI) -> Flush:
        otel.instrument(app)
        return _flush

    return attach


def without_redaction() -> Attach:
    """Everything, with an engine that masks nothing: no setting does that, only this measurement."""
    setattr(Redactor, "text", lambda _self, text: text)  # noqa: B010 - a method of a class, replaced on purpose
    setattr(Redactor, "value", lambda _self, _key, value: value)  # noqa: B010 - as above
    return plain()


def without_metrics() -> Attach:
    """Everything, but a request's duration and sizes are not recorded: only this measurement does that."""
    setattr(Exchange, "_record", lambda _self, _seconds, _route: None)  # noqa: B010 - as above
    return plain()


def without_contrib() -> Attach:
    """Everything, but the SERVER span is started here, not by contrib's middleware, to measure its share."""
    setattr(otel.http.app, "server_span", _span_alone)  # noqa: B010 - as above
    return plain()


def without_mongo() -> Attach:
    """Everything, but the database driver has no listeners."""
    otel.startup.LIBRARIES.pop("otel.libraries.mongo")
    return plain()


def _span_alone(app: ASGIApp, redactor: Redactor) -> ASGIApp:
    tracer, details = trace.get_tracer("bench"), span_details(redactor)

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        name, described = details(scope)
        span = tracer.start_span(name, kind=SpanKind.SERVER, attributes=described[DESCRIPTION])
        token = context.attach(trace.set_span_in_context(span))
        try:
            await app(scope, receive, send)
        finally:
            context.detach(token)
            if span.is_recording():
                span.end()

    return middleware


def _flush() -> None:
    """Sends spans and log records. Metrics are exported once a minute, whatever the load, like the peers'."""
    for current in (TRACERS, LOGGERS):
        provider: Any = current.target
        if hasattr(provider, "force_flush"):
            provider.force_flush()
