"""One request and its response, watched as they pass: sizes, status, last byte, and the access-log line."""

from __future__ import annotations

import time
from typing import Final

from opentelemetry.trace import Span, Status, StatusCode
from starlette.types import Message, Receive, Send

from otel.context import RequestContext
from otel.foreign.names import type_name
from otel.http.errors import is_disconnect
from otel.http.headers import RequestHeaders, with_identity
from otel.http.metrics import active_requests, request_body_size, request_duration, response_body_size
from otel.logs.logger import get_logger
from otel.request_names import UNMATCHED, bounded_method
from otel.traces.sampling import keep
from otel.traces.tracer import time_in_trace

COMPLETED: Final = "completed"
DISCONNECTED: Final = "disconnected"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"
INCOMPLETE: Final = "incomplete_response"

FIRST_REFUSAL: Final = 400
FIRST_SERVER_ERROR: Final = 500
_LONGEST_PATH: Final = 200
_log = get_logger("access")


class Exchange:
    """The ASGI callables `receive` and `send` of one HTTP request, and what they observed.

    `observed` means that contrib's middleware has started a span for it and that it gets an access-log line.
    The span gets its status and its end here: contrib's own `send` decodes all response headers twice, for a
    length that is already known here.

    `finish` runs once: at the last body byte, or when the application has returned without one. Whatever runs
    after it (background tasks, clean-up) is not part of the request's time. After a 5xx it waits until the
    application has returned: Starlette responds first and raises the error to the server afterwards.
    """

    __slots__ = (
        "_active",
        "_finished",
        "_receive",
        "_redactor",
        "_seconds",
        "_send",
        "_started",
        "_trailers",
        "_unannounced",
        "context",
        "ended_at",
        "error_type",
        "method",
        "observed",
        "outcome",
        "request_bytes",
        "response_bytes",
        "scheme",
        "status",
    )

    def __init__(
        self,
        context: RequestContext,
        headers: RequestHeaders,
        receive: Receive,
        send: Send,
        *,
        observed: bool,
    ) -> None:
        self._started = time.perf_counter()
        self._receive, self._send, self.observed = receive, send, observed
        self._redactor = headers.redactor
        self._trailers = False
        self.context = context
        self.method = bounded_method(context.scope["method"])
        self.scheme = context.scope.get("scheme", "http")
        self.request_bytes = headers.content_length or 0
        self._unannounced = headers.content_length is None
        self.response_bytes = 0
        self.status: int | None = None
        self.error_type: str | None = None
        self.outcome = COMPLETED
        self._seconds = 0.0
        self.ended_at: int | None = None
        self._finished = False
        self._active = active_requests(self.method, self.scheme)
        self._active.add(1)

    @property
    def complete(self) -> bool:
        """Whether the last byte of the response has been sent."""
        return self.ended_at is not None

    async def receive(self) -> Message:
        """Returns the next message; records a client disconnect, measures a body without Content-Length."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            if self.ended_at is None:
                self.outcome = DISCONNECTED
        elif self._unannounced:
            self.request_bytes += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Forwards the application's message, our headers on the first; the last one ends the request."""
        kind = message["type"]
        if kind == "http.response.start":
            await self._send_start(message)
            return
        last = kind != "http.response.body"
        if not last:
            self.response_bytes += len(message.get("body", b""))
            last = not message.get("more_body", False)
        await self._send(message)
        if last and self._ends(kind, message) and self.ended_at is None:
            self._stop_clock()
            if self.status is not None and self.status < FIRST_SERVER_ERROR:
                self.finish()

    async def _send_start(self, message: Message) -> None:
        context, status = self.context, message["status"]
        self.status = status
        self._trailers = message.get("trailers", False)
        context.answered = True
        if status >= FIRST_SERVER_ERROR and self.observed:
            keep(context.span)  # so that `traceresponse` carries the sampled flag
        headers = with_identity(message.get("headers", ()), context, self._redactor)
        await self._send({**message, "headers": headers})

    def _stop_clock(self) -> None:
        self._seconds = time.perf_counter() - self._started
        self.ended_at = time_in_trace(time.monotonic_ns(), self.context.span)
        self._active.add(-1)

    def _ends(self, kind: str, message: Message) -> bool:
        if kind == "http.response.body":
            return not self._trailers
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return kind == "http.response.pathsend"

    def fail(self, error: BaseException) -> bool:
        """Records that `error` left the application; returns whether it must be reported.

        It need not be if the client has disconnected or the application itself responded with a 4xx.
        """
        if is_disconnect(error):
            self.outcome = DISCONNECTED
            if self.status is not None and self.status >= FIRST_SERVER_ERROR:
                self.status = None  # the framework's response, which nobody received
            return False
        if self.complete and self.status is not None and FIRST_REFUSAL <= self.status < FIRST_SERVER_ERROR:
            return False
        self.error_type = type_name(type(error))
        return True

    def finish(self) -> None:
        """Ends the span, records the metrics and writes the access-log line, once."""
        if self._finished:
            return
        self._finished = True
        if not self.complete:
            self._stop_clock()
        if self.observed:
            self._end_span(self.context.span)
        self._record(self._seconds, self.context.route or UNMATCHED)
        if self.context.queries is not None:
            self.context.queries.end(self.context)
        if self.observed:
            self._write_access_log(self._seconds)

    def _end_span(self, span: Span) -> None:
        # https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
        if not span.is_recording():
            return
        status = self.status
        name_after_route(self.context, self.method)
        if status is not None:
            span.set_attribute("http.response.status_code", status)
            if status >= FIRST_SERVER_ERROR:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", self.error_type or str(status))
        span.end(self.ended_at)

    def _record(self, seconds: float, route: str) -> None:
        span = self.context.span.get_span_context()
        answer = (self.method, route, self.status)
        if self.request_bytes:
            request_body_size(answer).record(self.request_bytes, span)
        response_body_size(answer).record(self.response_bytes, span)
        request_duration((*answer, self.scheme, self._error_type())).record(seconds, span)

    def _error_type(self) -> str | None:
        if self.error_type is not None:
            return self.error_type
        if self.outcome != COMPLETED:
            return self.outcome
        if self.status is None:
            return INCOMPLETE
        return str(self.status) if self.status >= FIRST_SERVER_ERROR else None

    def _write_access_log(self, seconds: float) -> None:
        context, status = self.context, self.status
        failed = status is None or status >= FIRST_SERVER_ERROR
        # The semantic conventions define no duration for log records: `duration_ms`, as in all our lines.
        fields: dict[str, object] = {
            "http.request.method": self.method,
            "http.request.body.size": self.request_bytes,
            "http.response.body.size": self.response_bytes,
            "duration_ms": round(seconds * 1000, 3),
            "outcome": FAILED if self.error_type is not None else self.outcome,
        }
        if status is not None:
            fields["http.response.status_code"] = status
        if context.route is None:
            fields["http.route"] = UNMATCHED
            fields["url.path"] = _whole_segments(context.scope["path"])
        write = _log.warning if failed and self.outcome == COMPLETED else _log.info
        write("request", **fields)


def _whole_segments(path: str) -> str:
    """Cuts a long path at a segment boundary: redaction would not recognise half a secret."""
    if len(path) <= _LONGEST_PATH:
        return path
    return path[:_LONGEST_PATH].rpartition("/")[0] + "/…"


def name_after_route(context: RequestContext, method: str) -> None:
    """Names the SERVER span after the matched route: `GET /courses/{course_id}` (HTTP conventions)."""
    route = context.route
    if route is None:
        return
    context.span.update_name(f"{method if method != '_OTHER' else 'HTTP'} {route}")
    context.span.set_attribute("http.route", route)
