"""HTTP instrumentation of a FastAPI application: one outer middleware stack, one SERVER span per request."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Send

from otel.config.settings import TelemetryConfig
from otel.context import REQUEST, RequestContext, settle
from otel.foreign.names import type_name
from otel.http.background import time_background_tasks
from otel.http.connection import Connection
from otel.http.errors import RenderError, answer_errors, is_disconnect, report
from otel.http.exchange import CANCELLED, Exchange
from otel.http.headers import RequestHeaders
from otel.http.metrics import HTTP_METRICS
from otel.http.routing import expect_route, note_routes, path_below_root
from otel.http.span import (
    HEADERS,
    REAL_SCOPE,
    link_to_stranger,
    outside_of_any_span,
    server_span,
    slim_scope,
)
from otel.request_names import Scope

if TYPE_CHECKING:
    from otel.redaction.engine import Redactor

_SEND: Final = "otel.send"
_SERVED: Final = "otel.served"
_PEERS: Final = 1024
_FAILURES: Final = (Exception, SystemExit)  # servers answer both with 500; SystemExit ends only the request


def instrument_app(
    app: FastAPI, *, config: TelemetryConfig, redactor: Redactor, render_error: RenderError | None = None
) -> None:
    """Wraps the middleware stack that `app` builds with telemetry; call it once, before serving.

    Each request gets one SERVER span, an `X-Request-ID`, metrics under its route template and one access-log
    line; an unhandled error becomes a span exception, an ERROR record and a Sentry event. The application
    answers it, or `render_error(scope, error)` if it has no handler of its own; only in the latter case is
    the error not raised to the server. Paths in `config.excluded_routes`, relative to the root path, get
    no span and no access-log line. FastAPI's own instrumentation is turned off for `app`.

    Raises:
        RuntimeError: The application is already instrumented or already serving.
    """
    instrumented = isinstance(app.build_middleware_stack, _Builder)
    if instrumented:
        raise RuntimeError("this application is already instrumented: call instrument once")
    if app.middleware_stack is not None:
        raise RuntimeError("this application is already serving requests: call instrument before it starts")
    time_background_tasks()
    note_routes()
    _silence_native(app)
    builder = _Builder(app, config, redactor, render_error)
    setattr(app, "build_middleware_stack", builder)  # noqa: B010 - replaces a method on this one object


def _silence_native(app: FastAPI) -> None:
    # It would step aside by itself (it finds contrib's middleware), but it checks for that on every request.
    settings = getattr(app, "_telemetry", None)
    if isinstance(settings, dict):
        settings.update(tracing=False, metrics=False, logs=False)


class _Builder:
    """Builds the application's own middleware stack and wraps it in ours.

    Ours is outside `ServerErrorMiddleware` too, so the application's handler for `Exception` works as usual
    and every middleware is inside, whenever it was added.
    """

    def __init__(
        self, app: FastAPI, config: TelemetryConfig, redactor: Redactor, render_error: RenderError | None
    ) -> None:
        self._app = app
        self._build = app.build_middleware_stack
        self._config = config
        self._redactor = redactor
        self._render_error = render_error

    def __call__(self) -> ASGIApp:
        renders = self._render_error is not None and answer_errors(self._app, self._render_error)
        return HttpStack(self._build(), self._config, self._redactor, ends_errors=renders)


class HttpStack:
    """The outermost middleware: starts the span, creates the context, watches the exchange, reports errors.

    `app` is contrib's middleware around `_serve`; FastAPI looks for it there and then makes no spans itself.
    With `ends_errors`, an error that was answered is not raised to the server.
    """

    def __init__(
        self, app: ASGIApp, config: TelemetryConfig, redactor: Redactor, *, ends_errors: bool
    ) -> None:
        self._inner = app
        self._excluded = frozenset(config.excluded_routes)
        # A peer makes many requests, and parsing an address costs as much as a span.
        self._trusts = lru_cache(_PEERS)(config.trust_remote_context.covers)
        self._ends_errors = ends_errors
        self._redactor = redactor
        self.app = server_span(self._enter, redactor)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of the ASGI protocol."""
        if scope["type"] not in ("http", "websocket") or _SERVED in scope:
            # `_SERVED`: an instrumented application is mounted in another one, and one span is enough.
            await self._inner(scope, receive, send)
            return
        scope[_SERVED] = True
        # This is how FastAPI itself tells a mounted application that the request is already instrumented.
        scope["fastapi.telemetry"] = None
        headers = RequestHeaders(scope["headers"], self._redactor)
        if scope["type"] == "http" and path_below_root(scope) in self._excluded:
            await self._serve(scope, headers, receive, send, observed=False)
            return
        if headers.trace and not self._trusts((scope.get("client") or (None,))[0]):
            headers.distrust()
        slim = slim_scope(scope, headers)
        slim[_SEND] = send
        with outside_of_any_span():
            await self.app(slim, receive, _nowhere)

    async def _enter(self, slim: Scope, receive: Receive, _send: Send) -> None:
        """Continue inside contrib's middleware with the server's own scope and send."""
        headers = slim[HEADERS]
        if headers.stranger is not None:
            link_to_stranger(trace.get_current_span(), headers.stranger)
        await self._serve(slim[REAL_SCOPE], headers, receive, slim[_SEND], observed=True)

    async def _serve(
        self, scope: Scope, headers: RequestHeaders, receive: Receive, send: Send, *, observed: bool
    ) -> None:
        found = expect_route(scope)
        context = RequestContext(headers.request_id, trace.get_current_span(), scope, found)
        token = REQUEST.set(context)
        try:
            if scope["type"] == "websocket":
                await self._connect(Connection(context, headers, receive, send))
            else:
                await self._exchange(Exchange(context, headers, receive, send, observed=observed))
        finally:
            REQUEST.reset(token)

    async def _exchange(self, exchange: Exchange) -> None:
        context = exchange.context
        try:
            await self._inner(context.scope, exchange.receive, exchange.send)
        except _FAILURES as error:
            if exchange.fail(error):
                report(context, error, observed=exchange.observed, at=exchange.ended_at)
            elif is_disconnect(error):
                settle(error)
            if not (self._ends_errors and exchange.complete):
                raise
        except BaseException:
            exchange.outcome = CANCELLED
            raise
        finally:
            exchange.finish()

    async def _connect(self, connection: Connection) -> None:
        context = connection.context
        try:
            await self._inner(context.scope, connection.receive, connection.send)
        except _FAILURES as error:
            if is_disconnect(error):
                settle(error)
            else:
                connection.error_type = type_name(type(error))
                report(context, error, observed=True)
            raise
        except BaseException:
            connection.outcome = CANCELLED
            raise
        finally:
            connection.finish()


async def _nowhere(message: Message) -> None:
    """Satisfy contrib's middleware, which needs a `send`; messages go to the server's own instead."""


__all__ = ["HTTP_METRICS", "HttpStack", "RenderError", "instrument_app"]
