"""The error boundary: what an unhandled error leaves behind, in the same words everywhere."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocketDisconnect

from otel.context import REQUEST, RequestContext
from otel.errors.reports import capture
from otel.foreign.names import type_name
from otel.http.route import Scope
from otel.logs.logger import get_logger
from otel.traces.current import set_error

RenderError = Callable[[Scope, Exception], Response]

_log = get_logger("error")


def is_disconnect(error: BaseException) -> bool:
    """Tell whether the error only says that the client has gone, which is nobody's fault."""
    return issubclass(type(error), (ClientDisconnect, WebSocketDisconnect))


def report(context: RequestContext, error: Exception, *, on_span: bool) -> None:
    """Leaves an ERROR log record with the stack trace, a Sentry event and, if `on_span`, a span exception.

    `on_span` is False where the error travels on through contrib's middleware, which records it itself.
    """
    span = context.span
    if span.is_recording():
        span.set_attribute("error.type", type_name(type(error)))
    if on_span and span.is_recording():
        set_error(span, error)
    capture(error, context)  # first: the record below would be the last step before itself
    _log.error("unhandled_error", exc_info=error)


def render(render_error: RenderError, scope: Scope, error: Exception) -> Response:
    """Return the application's answer to `error`, or the default one if making it fails too."""
    try:
        return render_error(scope, error)
    except Exception:  # noqa: BLE001 - the client gets an answer whatever happens
        _log.exception("render_error_failed")
        return render_problem(scope, error)


def render_problem(scope: Scope, error: Exception) -> Response:  # noqa: ARG001 - the body says nothing of the error
    """Return the default answer to an unhandled error: RFC 9457, with the ids that find its traces."""
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
