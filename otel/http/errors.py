"""The error boundary: reports an unhandled error to every signal, and answers it with problem details."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocketDisconnect

from otel.context import REQUEST, RequestContext, settle
from otel.errors.reports import capture
from otel.foreign.failure import told_once
from otel.foreign.names import type_name
from otel.logs.logger import get_logger
from otel.request_names import Scope
from otel.traces.current import set_error

RenderError = Callable[[Scope, Exception], Response]

_log = get_logger("error")


def is_disconnect(error: BaseException) -> bool:
    """Tell whether the error only means that the client disconnected, which is not a failure."""
    return issubclass(type(error), (ClientDisconnect, WebSocketDisconnect))


def report(context: RequestContext, error: BaseException, *, observed: bool, at: int | None = None) -> None:
    """Emits an ERROR log record with the stack trace, a Sentry event and, if `observed`, a span exception.

    `at` is when the response ended, in nanoseconds since the epoch: no event may be later than its span.
    """
    span = context.span
    if observed and span.is_recording():
        span.set_attribute("error.type", type_name(type(error)))
    with told_once(error):
        if observed and span.is_recording():
            set_error(span, error, at=at)
        capture(error, context)  # first, or the record below would be the report's own last breadcrumb
        _log.error("unhandled_error", exc_info=error)
    settle(error)


def answer_errors(app: Starlette, render_error: RenderError) -> bool:
    """Makes `render_error` the application's error handler, if it has none; returns whether it did.

    Starlette's debug pages take precedence over any handler.
    """
    if app.debug or not {500, Exception}.isdisjoint(app.exception_handlers):
        return False

    async def answer(request: Request, error: Exception) -> Response | None:
        context = REQUEST.get()
        if context is not None and context.answered:
            return None  # the response has started: Starlette cannot send another one
        return render(render_error, request.scope, error)

    app.add_exception_handler(Exception, answer)  # type: ignore[arg-type]  # None is fine where nothing is sent
    return True


def render(render_error: RenderError, scope: Scope, error: Exception) -> Response:
    """Return the service's response to `error`, or `render_problem`'s if `render_error` fails too."""
    try:
        return render_error(scope, error)
    except Exception:  # noqa: BLE001 - the client gets a response whatever happens
        _log.exception("render_error_failed")
        return render_problem(scope, error)


def render_problem(scope: Scope, error: Exception) -> Response:  # noqa: ARG001 - the body reveals nothing about the error
    """Return RFC 9457 problem details for an unhandled error, with the ids to look up its telemetry."""
    context = REQUEST.get()
    body: dict[str, object] = {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "code": "internal_error",
        "instance": scope.get("path"),
    }
    if context is not None:
        body |= {"request_id": context.request_id, "trace_id": context.trace_id}
    return JSONResponse(body, status_code=500, media_type="application/problem+json")
