"""One WebSocket connection, watched as its messages pass."""

from __future__ import annotations

import time
from typing import Any, Final

from starlette.types import Message, Receive, Send

from otel.context import RequestContext
from otel.http.exchange import COMPLETED, FAILED, name_after_route
from otel.http.headers import RequestHeaders, with_identity
from otel.http.metrics import ACTIVE_CONNECTIONS, CONNECTION_DURATION
from otel.logs.logger import get_logger
from otel.request_names import UNMATCHED, WEBSOCKET

# Handshake responses: accepted, or denied with a response (ASGI extension "WebSocket Denial Response").
_ANSWERS: Final = frozenset({"websocket.accept", "websocket.http.response.start"})
_log = get_logger("access")


class Connection:
    """The ASGI callables `receive` and `send` of one WebSocket connection, and what they observed."""

    __slots__ = (
        "_receive",
        "_redactor",
        "_send",
        "_started",
        "close_code",
        "context",
        "error_type",
        "outcome",
    )

    def __init__(
        self, context: RequestContext, headers: RequestHeaders, receive: Receive, send: Send
    ) -> None:
        self._redactor = headers.redactor
        self._started = time.perf_counter()
        self._receive, self._send = receive, send
        self.context = context
        self.close_code: int | None = None
        self.error_type: str | None = None
        self.outcome = COMPLETED
        ACTIVE_CONNECTIONS.add(1)

    async def receive(self) -> Message:
        """Returns the application's next message; records how the client closed."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.close_code = message.get("code", 1005)
        return message

    async def send(self, message: Message) -> None:
        """Forwards the application's message, adding our headers to the handshake response."""
        kind = message["type"]
        if kind in _ANSWERS:
            headers = with_identity(message.get("headers") or (), self.context, self._redactor)
            await self._send({**message, "headers": headers})
            return
        if kind == "websocket.close":
            self.close_code = message.get("code", 1000)
        # Bypasses contrib's middleware, which sets status 200 on every message; a handshake's is 101.
        await self._send(message)

    def finish(self) -> None:
        """Ends the span, records the metrics and writes the access-log line."""
        seconds = time.perf_counter() - self._started
        name_after_route(self.context, WEBSOCKET)
        self.context.span.end()
        ACTIVE_CONNECTIONS.add(-1)
        answer: dict[str, Any] = {"http.route": self.context.route or UNMATCHED}
        error_type = self.error_type or (self.outcome if self.outcome != COMPLETED else None)
        if error_type is not None:
            answer["error.type"] = error_type
        CONNECTION_DURATION.record(seconds, answer)
        fields = {} if self.context.route is not None else {"http.route": UNMATCHED}
        outcome = FAILED if self.error_type is not None else self.outcome
        write = _log.warning if self.error_type is not None else _log.info
        write(
            "connection",
            close_code=self.close_code,
            duration_ms=round(seconds * 1000, 3),
            outcome=outcome,
            **fields,
        )
