"""One request and its answer, watched as they pass: sizes, status, the last byte, the one access-log line."""

from __future__ import annotations

import time
from typing import Any, Final

from starlette.types import Message, Receive, Send

from otel.context import RequestContext
from otel.http_headers import RequestHeaders, with_identity
from otel.http_metrics import ACTIVE_REQUESTS, REQUEST_BODY_SIZE, REQUEST_DURATION, RESPONSE_BODY_SIZE
from otel.http_route import UNMATCHED, bounded_method
from otel.logs import get_logger

COMPLETED: Final = "completed"
DISCONNECTED: Final = "disconnected"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"
INCOMPLETE: Final = "incomplete_response"

FIRST_SERVER_ERROR: Final = 500
_LAST_PART: Final[Message] = {"type": "http.response.body"}
_LONGEST_PATH: Final = 200
_log = get_logger("access")


class Relay:
    """Sends the application's messages to the server while contrib's middleware sees a bare signal of them.

    Contrib decodes all headers of the answer twice to find its length, for a metric that ours replace.
    """

    __slots__ = ("_message", "direct")

    def __init__(self, send: Send) -> None:
        self.direct = send
        self._message: Message = {}

    async def __call__(self, signal: Message) -> None:  # noqa: ARG002 - it only says that the time has come
        """Sends the message that `through` holds; contrib's middleware calls this."""
        await self.direct(self._message)

    async def through(self, contrib_send: Send, signal: Message, message: Message) -> None:
        """Sends `message`, letting contrib's middleware set status and end of the span by `signal`."""
        self._message = message
        await contrib_send(signal)


class Exchange:
    """The ASGI callables `receive` and `send` of one HTTP request, and what they saw.

    `finish` runs once: at the last body byte, or when the application has ended without one. Whatever runs
    after it (background tasks, clean-up) is not part of the request's time.
    """

    __slots__ = (
        "_active",
        "_receive",
        "_relay",
        "_send",
        "_started",
        "_trailers",
        "_unannounced",
        "context",
        "error_type",
        "finished",
        "logged",
        "method",
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
        relay: Relay,
        *,
        logged: bool,
    ) -> None:
        self._started = time.perf_counter()
        self._receive, self._send, self._relay = receive, send, relay
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
        self.finished = False
        self.logged = logged
        self._active = {"http.request.method": self.method, "url.scheme": self.scheme}
        ACTIVE_REQUESTS.add(1, self._active)

    async def receive(self) -> Message:
        """Hands on the next message; notes a client that has gone, counts an unannounced body."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            if not self.finished:
                self.outcome = DISCONNECTED
        elif self._unannounced:
            self.request_bytes += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        """Passes the application's message on, with our headers on the first; the last ends the request."""
        kind = message["type"]
        if kind == "http.response.body":
            await self._send_body(message)
        elif kind == "http.response.start":
            await self._send_start(message)
        else:
            await self._relay.through(self._send, message, message)
            if kind == "http.response.pathsend" or self._ends_trailers(message):
                self.finish()

    async def _send_start(self, message: Message) -> None:
        self.status = message["status"]
        self._trailers = message.get("trailers", False)
        span = self.context.span
        if span.is_recording():
            name_after_route(self.context, self.method)
        headers = with_identity(message.get("headers", ()), self.context)
        signal = {"type": message["type"], "status": message["status"], "trailers": self._trailers}
        await self._relay.through(self._send, signal, {**message, "headers": headers})
        if self.error_type is not None and span.is_recording():
            # Contrib has just put the status there; the conventions want the exception's type.
            span.set_attribute("error.type", self.error_type)

    async def _send_body(self, message: Message) -> None:
        self.response_bytes += len(message.get("body", b""))
        if message.get("more_body", False):
            # Only the last part concerns contrib's middleware, which ends the span on it.
            await self._relay.direct(message)
            return
        await self._relay.through(self._send, _LAST_PART, message)
        if not self._trailers:
            self.finish()

    def _ends_trailers(self, message: Message) -> bool:
        return message["type"] == "http.response.trailers" and not message.get("more_trailers", False)

    def finish(self) -> None:
        """Records the metrics and writes the access-log line, once."""
        if self.finished:
            return
        self.finished = True
        seconds = time.perf_counter() - self._started
        if self.status is None and self.context.span.is_recording():
            name_after_route(self.context, self.method)
        route = self.context.route or UNMATCHED
        ACTIVE_REQUESTS.add(-1, self._active)
        self._record(seconds, route)
        if self.logged:
            self._write_access_log(seconds)

    def _record(self, seconds: float, route: str) -> None:
        answer: dict[str, Any] = {"http.request.method": self.method, "http.route": route}
        if self.status is not None:
            answer["http.response.status_code"] = self.status
        if self.request_bytes:
            REQUEST_BODY_SIZE.record(self.request_bytes, answer)
        RESPONSE_BODY_SIZE.record(self.response_bytes, answer)
        answer["url.scheme"] = self.scheme
        error_type = self._error_type()
        if error_type is not None:
            answer["error.type"] = error_type
        REQUEST_DURATION.record(seconds, answer)

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
        fields: dict[str, object] = {
            "method": self.method,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
            "outcome": FAILED if self.error_type is not None else self.outcome,
        }
        if context.route is None:
            fields["http.route"] = UNMATCHED
            fields["url.path"] = _whole_segments(context.scope["path"])
        write = _log.warning if failed and self.outcome == COMPLETED else _log.info
        write("request", **fields)


def _whole_segments(path: str) -> str:
    """Cuts a long path between its segments: half a secret would not be recognised as one."""
    if len(path) <= _LONGEST_PATH:
        return path
    return path[:_LONGEST_PATH].rpartition("/")[0] + "/…"


def name_after_route(context: RequestContext, method: str) -> None:
    """Gives the SERVER span the route that was found: `GET /courses/{course_id}` (HTTP conventions)."""
    route = context.route
    if route is None:
        return
    context.span.update_name(f"{method if method != '_OTHER' else 'HTTP'} {route}")
    context.span.set_attribute("http.route", route)
