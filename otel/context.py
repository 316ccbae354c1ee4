"""The context of the request being served: ids, user, route, tags and breadcrumbs, for all signals."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, Protocol
from uuid import UUID

from opentelemetry import trace

from otel.foreign.guard import harmless
from otel.foreign.values import text_of
from otel.request_names import FoundRoute, Scope

_BREADCRUMBS_KEPT: Final = 50
_PROCESS_STEPS_KEPT: Final = 20

_MOST_TAGS: Final = 50
_LONGEST_TAG: Final = 200  # Sentry's own limit

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

Step = tuple[float, str, str, str, Mapping[str, object]]
"""When (seconds since the epoch), category, message, level, data."""

_SETTLED: Final[ContextVar[BaseException | None]] = ContextVar("otel.settled", default=None)
REQUEST: Final[ContextVar[RequestContext | None]] = ContextVar("otel.request", default=None)


class Queries(Protocol):
    """The queries of a request, counted by the database's instrumentation."""

    def count(self, kind: Any, shape: Callable[[], str]) -> None:  # noqa: ANN401 - the database's own type
        """Counts a query of this kind."""

    def end(self, request: RequestContext) -> None:
        """Reports what was counted; called once, when the response is complete."""


class RequestContext:
    """The context of one request or WebSocket connection, created by the HTTP stack, shared by all its tasks.

    `request_id` is the accepted or generated `X-Request-ID`; `trace_id` and `span_id` are those of the SERVER
    span in hexadecimal, or None while tracing is off. `user_id` and `role` are None until `set_user`.
    `answered` is true once the response has started. `queries` counts the request's database queries; None
    before the first one.
    """

    __slots__ = (
        "_found",
        "answered",
        "breadcrumbs",
        "queries",
        "request_id",
        "role",
        "scope",
        "span",
        "span_id",
        "tags",
        "trace_id",
        "user_id",
    )

    def __init__(
        self, request_id: str, span: trace.Span, scope: Scope, found: FoundRoute | None = None
    ) -> None:
        self.request_id = request_id
        self.span = span
        self.scope = scope
        self.user_id: str | None = None
        self.role: str | None = None
        self.tags: dict[str, str] | None = None
        self.breadcrumbs: deque[Step] | None = None
        self.answered = False
        self.queries: Queries | None = None
        self._found = found or FoundRoute()
        identity = span.get_span_context()
        self.trace_id = f"{identity.trace_id:032x}" if identity.is_valid else None
        self.span_id = f"{identity.span_id:016x}" if identity.is_valid else None

    def rename(self, request_id: str) -> None:
        """Adopts the request id that the application responded with."""
        self.request_id = request_id
        if self.span.is_recording():
            self.span.set_attribute("request_id", request_id)

    @property
    def route(self) -> str | None:
        """The template of the matched route, None before routing and when nothing matched."""
        return self._found.template


def current_request() -> RequestContext | None:
    """Return the context of the request that this code serves, None outside of a request."""
    return REQUEST.get()


def settle(error: BaseException) -> None:
    """Marks `error` as reported, so that the server's own record of it is left out.

    The mark lasts as long as the request's task, which ends soon after.
    """
    _SETTLED.set(error)


def is_settled(error: object) -> bool:
    """Tells whether `settle` was called with this error in this task."""
    return error is not None and _SETTLED.get() is error


def set_user(user_id: str | int | UUID, role: str | None = None) -> None:
    """Sets the authenticated user on the SERVER span, log records and error reports; never on a metric.

    `user_id` is the platform's own opaque identifier, never a mail address or a name; a number or a UUID is
    sent as text. `role` becomes `user.roles`. Outside of a request it marks only the current span.
    """
    user_id = text_of(user_id, _LONGEST_TAG)
    role = None if role is None else text_of(role, _LONGEST_TAG)
    request = REQUEST.get()
    span = trace.get_current_span() if request is None else request.span
    if request is not None:
        request.user_id = user_id
        request.role = role
    _mark(span, user_id, role)


@harmless
def _mark(span: trace.Span, user_id: str, role: str | None) -> None:
    if not span.is_recording():
        return
    span.set_attribute("user.id", user_id)
    if role is not None:
        span.set_attribute("user.roles", (role,))


def set_tag(key: str, value: str) -> None:
    """Adds a tag to this request's error report, should the request fail; does nothing outside of a request.

    A report takes at most 50 such tags; keys and values are cut to 200 characters.
    """
    request = REQUEST.get()
    if request is None:
        return
    if request.tags is None:
        request.tags = {}
    name = text_of(key, _LONGEST_TAG)
    if name in request.tags or len(request.tags) < _MOST_TAGS:
        request.tags[name] = text_of(value, _LONGEST_TAG)


def breadcrumb(message: str, /, *, level: str = "info", **data: object) -> None:
    """Records a step of this request; its error report, if there is one, carries the last 50.

    `message` is an event name ("lms.enrolled"); the part before the first dot becomes the category. `data` is
    read only when the report is built, so later changes to mutable values show. Outside of a request the step
    is discarded.
    """
    text = text_of(message)
    note(text.partition(".")[0], text, text_of(level, _LONGEST_TAG), data)


def process_breadcrumb(message: str, /, *, level: str = "info", **data: object) -> None:
    """Records a step of the whole process, such as a dependency that went away.

    The error reports of all requests, and of none, carry the last 20, so nothing about one user belongs into
    it. Otherwise like `breadcrumb`.
    """
    if _Steps.kept:
        text = text_of(message)
        step = (time.time(), text.partition(".")[0], text, text_of(level, _LONGEST_TAG), data)
        _Steps.of_process.append(step)


class _Steps:
    """Whether breadcrumbs are kept (without error reports nobody would read them), and the process's."""

    kept = False
    of_process: Final[deque[Step]] = deque(maxlen=_PROCESS_STEPS_KEPT)


def keep_steps(*, kept: bool) -> None:
    """Turns breadcrumbs on or off; called when error reports start and stop."""
    _Steps.kept = kept
    _Steps.of_process.clear()


def steps_before(request: RequestContext | None) -> list[Step]:
    """Returns the breadcrumbs of a request and of the process, in order of time."""
    own = () if request is None else request.breadcrumbs or ()
    return sorted([*_Steps.of_process, *own], key=lambda step: step[0])


def note(category: str, message: str, level: str = "info", data: Mapping[str, object] = _NOTHING) -> None:
    """Records a library's step (a log record, a query, a call) as a breadcrumb of this request."""
    request = REQUEST.get() if _Steps.kept else None
    if request is None:
        return
    if request.breadcrumbs is None:
        request.breadcrumbs = deque(maxlen=_BREADCRUMBS_KEPT)
    request.breadcrumbs.append((time.time(), category, message, level, data))
