"""HTTP instrumentation of a FastAPI application: one SERVER span and one stack around it."""

from __future__ import annotations

import sys
from typing import Final, cast

from fastapi import FastAPI
from opentelemetry import trace
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Send

from otel.config.settings import TelemetryConfig
from otel.context import REQUEST, RequestContext
from otel.http.background import time_background_tasks
from otel.http.connection import Connection
from otel.http.errors import RenderError, is_disconnect, render, render_problem, report
from otel.http.exchange import CANCELLED, DISCONNECTED, FIRST_SERVER_ERROR, Exchange
from otel.http.headers import RequestHeaders
from otel.http.metrics import HTTP_METRICS
from otel.http.route import Scope
from otel.http.span import HEADERS, REAL_SCOPE, outside_of_any_span, server_span, slim_scope
from otel.redaction.engine import Redactor

_SEND: Final = "otel.send"
_SERVED: Final = "otel.served"


def instrument_app(app: FastAPI, *, config: TelemetryConfig, render_error: RenderError | None = None) -> None:
    """Puts the telemetry stack around every middleware that `app` has now; call it once, before serving.

    Each request gets one SERVER span, an `X-Request-ID`, metrics under its route template and one access-log
    line; an unhandled error becomes a span exception, an ERROR record, a Sentry event and the response of
    `render_error(scope, error)` (default: RFC 9457). Paths in `config.excluded_routes` have no span and no
    access log. FastAPI's own instrumentation is switched off for `app`.

    Raises:
        RuntimeError: The application is instrumented already, or is serving already.
    """
    if any(getattr(each, "cls", None) is HttpStack for each in app.user_middleware):
        raise RuntimeError("this application is instrumented already: call instrument once")
    if app.middleware_stack is not None:
        raise RuntimeError("this application serves requests already: call instrument before it starts")
    time_background_tasks()
    _silence_native(app)
    stack = Middleware(HttpStack, config=config, render_error=render_error or render_problem)
    app.user_middleware.insert(0, stack)


def _silence_native(app: FastAPI) -> None:
    # It would step aside by itself (it finds contrib's middleware), but look for that in every request.
    settings = getattr(app, "_telemetry", None)
    if isinstance(settings, dict):
        settings.update(tracing=False, metrics=False, logs=False)


class HttpStack:
    """The outermost middleware: it opens the span, makes the context, watches the exchange, catches errors.

    `app` is contrib's middleware around `_serve`, where FastAPI looks for it to keep its own spans to itself.
    """

    def __init__(self, app: ASGIApp, config: TelemetryConfig, render_error: RenderError) -> None:
        self._inner = app
        self._excluded = frozenset(config.excluded_routes)
        self._render_error = render_error
        self.app = server_span(self._enter, Redactor(config.redact_keys))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of the ASGI protocol."""
        if scope["type"] not in ("http", "websocket") or _SERVED in scope:
            # The latter is an instrumented application that is mounted in another one: one span is enough.
            await self._inner(scope, receive, send)
            return
        scope[_SERVED] = True
        # So FastAPI itself tells a mounted application that someone else observes this request.
        scope["fastapi.telemetry"] = None
        headers = RequestHeaders(scope["headers"])
        if scope["path"] in self._excluded and scope["type"] == "http":
            await self._serve(scope, headers, receive, send, observed=False)
            return
        slim = slim_scope(scope, headers)
        slim[_SEND] = send
        with outside_of_any_span():
            await self.app(slim, receive, _nowhere)

    async def _enter(self, slim: Scope, receive: Receive, _send: Send) -> None:
        """Continue inside contrib's middleware with what the server gave."""
        await self._serve(slim[REAL_SCOPE], slim[HEADERS], receive, slim[_SEND], observed=True)

    async def _serve(
        self, scope: Scope, headers: RequestHeaders, receive: Receive, send: Send, *, observed: bool
    ) -> None:
        context = RequestContext(headers.request_id, trace.get_current_span(), scope)
        token = REQUEST.set(context)
        try:
            if scope["type"] == "websocket":
                await self._connect(Connection(context, receive, send))
            else:
                await self._exchange(Exchange(context, headers, receive, send, observed=observed))
        finally:
            REQUEST.reset(token)

    async def _exchange(self, exchange: Exchange) -> None:
        scope = exchange.context.scope
        try:
            await self._inner(scope, exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001 - the error boundary
            # Not by a name: this frame is part of the traceback, and together they would be a cycle.
            await self._handle(exchange, cast("Exception", sys.exception()))
        except BaseException:
            exchange.outcome = CANCELLED
            raise
        finally:
            exchange.finish()

    async def _handle(self, exchange: Exchange, error: Exception) -> None:
        """Answer the error and report it; raise it again only when half an answer has left already.

        What the renderer answers with a 4xx is a refusal that came past the application's own handlers.
        """
        if is_disconnect(error):
            exchange.outcome = DISCONNECTED
            return
        scope, unanswered = exchange.context.scope, exchange.status is None
        response = render(self._render_error, scope, error) if unanswered else None
        if response is None or response.status_code >= FIRST_SERVER_ERROR:
            _report(exchange, error)
        if response is not None:
            await response(scope, exchange.receive, exchange.send)
        elif not exchange.finished:
            raise error

    async def _connect(self, connection: Connection) -> None:
        context = connection.context
        try:
            await self._inner(context.scope, connection.receive, connection.send)
        except Exception as error:
            if is_disconnect(error):
                return
            connection.error_type = type(error).__qualname__
            report(context, error, on_span=False)
            raise
        except BaseException:
            connection.outcome = CANCELLED
            raise
        finally:
            connection.finish()


async def _nowhere(message: Message) -> None:
    """Stand where contrib's middleware wants a way to the server: every message goes the direct way."""


def _report(exchange: Exchange, error: Exception) -> None:
    broken = exchange.status is not None and not exchange.finished
    if not exchange.finished:
        exchange.error_type = type(error).__qualname__
    report(exchange.context, error, on_span=not broken)


__all__ = ["HTTP_METRICS", "HttpStack", "RenderError", "instrument_app"]
