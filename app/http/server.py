"""Limits of the HTTP/1.1 server: uvicorn's protocol with bounds on a request's size and duration.

uvicorn with httptools limits neither the size nor the number of headers, nor the time that a request takes to
arrive (`h11_max_incomplete_event_size` is for h11 only). What is refused here never reaches the application.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final, Self, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.core.errors import (
    BadRequest,
    HeadersTooLarge,
    LmsError,
    RequestTimeout,
    TooManyConnections,
    TooManyHeaders,
)
from app.core.settings import Settings
from app.core.telemetry import REQUESTS_REFUSED
from app.http.drain import DRAIN_STATE, Drain
from app.http.problems import problem
from otel import get_logger

LINGER_SECONDS: Final = 2.0
"""How long a refused connection is still read, so that a reset does not lose the response."""

MOST_DISCARDED: Final = 1_048_576
"""Most bytes that are read from it meanwhile."""

MOST_PIPELINED: Final = 16
"""Most requests that may wait on one connection for the response to an earlier one."""

_FIELD_FRAME: Final = len(": \r\n")
_HEAD_FRAME: Final = len("  HTTP/1.1\r\n\r\n")
_log = get_logger(service="http")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a request; ``connections`` is the limit of a process."""

    header_bytes: int
    header_fields: int
    header_seconds: float
    body_seconds: float
    connections: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the configured limits."""
        return cls(
            header_bytes=settings.header_limit_bytes,
            header_fields=settings.header_limit_fields,
            header_seconds=settings.header_seconds,
            body_seconds=settings.body_seconds,
            connections=settings.connection_limit,
        )


class _Part(Enum):
    """The part of a request that is being received."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class BoundedHttp(HttpToolsProtocol):
    """One connection. Answers a request over a limit with 431, 408, 400 or 503, and closes.

    A request that arrives in one piece costs two comparisons; a timer runs only while one is incomplete.
    """

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._part = _Part.NOTHING
        self._arriving = 0  # bytes that the parser is being fed
        self._waiting = 0  # earlier bytes that completed nothing yet: no head, no piece of a body
        self._progressed = False
        self._refusal: LmsError | None = None
        self._refused = False
        self._discarded = 0
        self._awaited = _Part.NOTHING
        self._timer: asyncio.TimerHandle | None = None

    # --- the connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Accepts the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._refuse(TooManyConnections())
            transport.close()  # at once: lingering would keep one more connection open
            return
        self._await(_Part.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what has arrived; refuses malformed input, and too much input that completes nothing."""
        if self._refused:
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        self._arriving, self._progressed = len(data), False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal or BadRequest(reason="It is not valid HTTP/1.1."))
            return
        except httptools.HttpParserUpgrade:
            pass  # the request is answered as usual: a server may ignore Upgrade (RFC 9110, 7.8)
        self._waiting = 0 if self._progressed else self._waiting + len(data)
        if self._waiting > self._limits.header_bytes:
            self._refuse(HeadersTooLarge(limit=self._limits.header_bytes))
            return
        self._await(self._owed())

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > MOST_DISCARDED and not self._serving():
            self.transport.close()

    # --- what the parser finds ---

    def on_message_begin(self) -> None:
        """Starts a request."""
        self._part = _Part.HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Passes the request to the application if its head is within the limits."""
        limits = self._limits
        if len(self.headers) > limits.header_fields:
            self._stop(TooManyHeaders(limit=limits.header_fields))
        if self._waiting + self._arriving > limits.header_bytes and self._head_bytes() > limits.header_bytes:
            self._stop(HeadersTooLarge(limit=limits.header_bytes))
        if len(self.pipeline) >= MOST_PIPELINED:
            self._stop(
                BadRequest(reason=f"More than {MOST_PIPELINED} requests are waiting on one connection.")
            )
        super().on_headers_complete()
        if self._is_draining():  # so that a balancer opens its next connection elsewhere
            self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"close")]
        # Fields after a chunked body are trailers (RFC 9110, 6.5.1), which the application does not see.
        self.headers = []
        self._part, self._progressed = _Part.BODY, True

    def _is_draining(self) -> bool:
        drain: Drain | None = self.app_state.get(DRAIN_STATE)
        return drain is not None and drain.is_draining

    def on_body(self, body: bytes) -> None:
        """Passes on a piece of the body."""
        self._progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Ends the request's body."""
        self._part, self._progressed = _Part.NOTHING, True
        super().on_message_complete()

    def _head_bytes(self) -> int:
        fields = sum(len(name) + len(value) + _FIELD_FRAME for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + _HEAD_FRAME + fields

    def _stop(self, refusal: LmsError) -> None:
        """Aborts parsing from within a parser callback."""
        self._refusal = refusal
        raise httptools.HttpParserError(refusal.detail)

    # --- time ---

    def _serving(self) -> bool:
        # uvicorn's types say that there is always a cycle; before the first request there is none
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _owed(self) -> _Part:
        """Returns what the client must send now; after blank lines a head, as they end uvicorn's timer."""
        if self._part is _Part.NOTHING and not self._serving():
            return _Part.HEAD
        return self._part

    def _await(self, part: _Part) -> None:
        """Starts this part's timer unless it is running: more bytes of the same part do not extend it."""
        if part is self._awaited:
            return
        self._cancel()
        self._awaited = part
        if part is not _Part.NOTHING:
            self._timer = self.loop.call_later(self._seconds(part), self._expired)

    def _cancel(self) -> None:
        self._awaited = _Part.NOTHING
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _seconds(self, part: _Part) -> float:
        return self._limits.header_seconds if part is _Part.HEAD else self._limits.body_seconds

    def _expired(self) -> None:
        part = self._awaited
        self._cancel()
        if self.flow.read_paused or (part is _Part.HEAD and self._serving()):
            self._await(part)  # the client is waiting for us
        elif self._part is _Part.NOTHING:
            self.transport.close()  # it has requested nothing: browsers open connections in advance
        else:
            self._refuse(RequestTimeout(part=part.value, seconds=self._seconds(part)))

    # --- refusals ---

    def _refuse(self, refusal: LmsError) -> None:
        """Stops reading, answers if the refused request is the next to be answered, and closes.

        Responses to earlier requests are completed first; a refused request's own is cut off if it has begun.
        """
        self._refused = True
        self._cancel()
        REQUESTS_REFUSED.add(1, {"code": refusal.code})
        _log.warning("request_refused", code=refusal.code)
        if self._part is _Part.BODY:
            self._give_up_body(refusal)
        elif self._serving():
            self.cycle.keep_alive = False
        else:
            self._answer(refusal, path="")

    def _give_up_body(self, refusal: LmsError) -> None:
        if self.cycle.response_started or self.pipeline:
            self.transport.close()
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self._answer(refusal, path=self.scope["path"])

    def _answer(self, refusal: LmsError, path: str) -> None:
        self.transport.write(_rendered(refusal, path))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)


def bounded(limits: Limits) -> type[asyncio.Protocol]:
    """Returns uvicorn's ``http``, a factory of connections' protocols that can be pickled for its workers."""
    return cast("type[asyncio.Protocol]", partial(BoundedHttp, limits=limits))


def _rendered(refusal: LmsError, path: str) -> bytes:
    response = problem(refusal, instance=path)
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([STATUS_LINE[refusal.status], *lines, b"\r\n", bytes(response.body)])
