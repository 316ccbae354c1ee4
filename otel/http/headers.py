"""The few request headers that telemetry reads, found in one pass, and the two response headers it adds."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from otel.context import RequestContext

if TYPE_CHECKING:
    from otel.redaction.engine import Redactor

Headers = list[tuple[bytes, bytes]]

_TRACE_PARENT: Final = b"traceparent"
_TRACE: Final = frozenset({_TRACE_PARENT, b"tracestate", b"baggage"})
_bits: Callable[[int], int] = random.getrandbits
_ACCEPTABLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_REQUEST_ID: Final = b"x-request-id"
_TRACE_RESPONSE: Final = b"traceresponse"
_OUR_LENGTHS: Final = frozenset({len(_REQUEST_ID), len(_TRACE_RESPONSE)})
_JOINTS: Final = re.compile(r"[._-]")
# Groups of digits, seven digits or more: a phone number, an account, a date of birth.
_GROUPS: Final = re.compile(r"(?=(?:[._-]*\d){7})\d+(?:[._-]+\d+)+")


class RequestHeaders:
    """What telemetry needs from the headers of one request.

    `request_id` is the client's if it is acceptable, else a new one; `trace` holds the propagation headers as
    ASGI pairs, each name once; `content_length` is None if absent or not a number. `stranger` is the
    `traceparent` of an untrusted peer, whose trace is not continued.
    """

    __slots__ = ("content_length", "redactor", "request_id", "stranger", "trace", "user_agent")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], redactor: Redactor) -> None:
        self.redactor = redactor
        self.trace: Headers = []
        self.stranger: str | None = None
        request_id: str | None = None
        self.user_agent: str | None = None
        self.content_length: int | None = None
        for name, value in headers:
            if name in _TRACE:
                self.trace.append((name, value))
            elif name == _REQUEST_ID:
                request_id = accepted_request_id(value, redactor)
            elif name == b"user-agent":
                self.user_agent = value.decode("latin-1")
            elif name == b"content-length" and value.isdigit():
                self.content_length = int(value[:18])
        self.request_id = request_id or new_request_id()
        if len(self.trace) > 1:
            self.trace = _combined(self.trace)

    def distrust(self) -> None:
        """Discards trace context and baggage; keeps the `traceparent` as `stranger`, for a link."""
        given = dict(self.trace).get(_TRACE_PARENT)
        self.stranger = None if given is None else given.decode("latin-1")
        self.trace = []


def _combined(headers: Headers) -> Headers:
    """Joins repeated list headers (RFC 9110 section 5.3); drops `traceparent` if there are several."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    if len(values.get(_TRACE_PARENT, ())) > 1:
        del values[_TRACE_PARENT]
    return [(name, b",".join(parts)) for name, parts in values.items()]


def accepted_request_id(value: bytes, redactor: Redactor) -> str | None:
    """Return the client's request id if it consists of 1 to 64 letters, digits or `._-`, else None.

    One that looks like a secret or personal data (a token, card number, account or phone number, whatever its
    separators) is rejected too: it would be masked on the span, so nothing could be found by it.
    """
    text = value.decode("latin-1")
    if not _ACCEPTABLE.fullmatch(text) or _GROUPS.fullmatch(text):
        return None
    apart = _JOINTS.sub(" ", text)
    return text if redactor.text(text) == text and redactor.text(apart) == apart else None


def new_request_id() -> str:
    """Return 32 random hexadecimal digits."""
    return f"{_bits(128):032x}"


def use_bits(bits: Callable[[int], int]) -> Callable[[], None]:
    """Generates request ids from `bits(number_of_bits)`, for tests; returns the undo."""
    global _bits
    before, _bits = _bits, bits

    def undo() -> None:
        global _bits  # noqa: PLW0603 - as above
        _bits = before

    return undo


def with_identity(
    headers: Iterable[tuple[bytes, bytes]], request: RequestContext, redactor: Redactor
) -> Headers:
    """Return a copy of the response headers with `X-Request-ID` and `traceresponse` (W3C Trace Context 2).

    A header that the application has set is kept and not added again; its request id becomes the request's.
    It is a copy because a response object may be sent more than once.

    The flags are those known when the response starts: a stream that starts with a status below 500 and fails
    later is exported although its `traceresponse` says "not sampled", as a sent header cannot be changed.
    """
    answer = [*headers]
    given: dict[bytes, bytes] = {}
    for name, value in answer:
        if len(name) in _OUR_LENGTHS:
            given[name.lower()] = value
    if (chosen := given.get(_REQUEST_ID)) is None:
        answer.append((_REQUEST_ID, request.request_id.encode()))
    elif (accepted := accepted_request_id(chosen, redactor)) is not None:
        request.rename(accepted)
    if request.trace_id is not None and _TRACE_RESPONSE not in given:
        flags = request.span.get_span_context().trace_flags
        ours = f"00-{request.trace_id}-{request.span_id}-{flags:02x}"
        answer.append((_TRACE_RESPONSE, ours.encode()))
    return answer
