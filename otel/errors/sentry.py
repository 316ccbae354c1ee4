"""Error reports to Sentry (or what speaks its protocol), captured at our own boundary.

No stock integration is installed: those of FastAPI and Starlette cost 60 to 100 µs per healthy request, copy
request data and patch libraries. Here a healthy request costs nothing; a failed one is described from its
`RequestContext`. Propagation stays W3C: nothing of sentry-sdk touches the propagators.
"""

from __future__ import annotations

import logging
import platform
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import sentry_sdk
from opentelemetry import trace
from sentry_sdk.transport import HttpTransport, Transport
from sentry_sdk.utils import event_from_exception

from otel.config.settings import TelemetryConfig
from otel.context import RequestContext, Step, keep_steps
from otel.http.route import UNMATCHED, WEBSOCKET, method_of
from otel.redaction.engine import Redactor

if TYPE_CHECKING:
    from sentry_sdk._types import EventDataCategory
    from sentry_sdk.envelope import Envelope, Item
    from sentry_sdk.types import Event, Hint

_FIRST_SERVER_ERROR: Final = 500
_IGNORED_LOGGERS: Final = ("opentelemetry", "sentry_sdk")
# By this class alone: a client library's error may carry the status that *it* got, and is an error of ours.
_FRAMEWORKS_REFUSAL: Final = "HTTPException"
_ENDED_EARLY: Final = frozenset(
    {"CancelledError", "ClientDisconnect", "WebSocketDisconnect", "KeyboardInterrupt"}
)
# In the hint of what our own boundary reports: it knows what was answered, whatever kind of error it was.
_ANSWERED: Final = "otel.answered"
_RUNTIME: Final = {"name": platform.python_implementation(), "version": platform.python_version()}
_log = logging.getLogger(__name__)


class CountingTransport(HttpTransport):
    """Sentry's own transport, and a public count of the events that it lost, by Sentry's reason.

    An event that was taken is unsent until it has left or is lost: then it is queued or on its way.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.lost: Counter[str] = Counter()
        self._unsent: set[Item] = set()
        self._counting = threading.RLock()  # a signal's handler may report while its thread counts
        self._is_ended = False
        super().__init__(options)

    def capture_envelope(self, envelope: Envelope) -> None:
        """Takes an envelope and queues it."""
        with self._counting:
            self._unsent.update(_events_in(envelope))
        super().capture_envelope(envelope)

    @property
    def unsent(self) -> int:
        """Counts the events that wait for what becomes of them."""
        return len(self._unsent)

    def end(self) -> None:
        """Counts what is unsent as lost by `shutdown`, and sends nothing more; the outcome comes too late."""
        with self._counting:
            self._is_ended = True
            if self._unsent:
                self.lost["shutdown"] += len(self._unsent)
            self._unsent.clear()

    def record_lost_event(
        self,
        reason: str,
        data_category: EventDataCategory | None = None,
        item: Item | None = None,
        *,
        quantity: int = 1,
    ) -> None:
        """Counts an event that does not arrive: `queue_overflow`, `network_error`, `ratelimit_backoff` ..."""
        category = data_category if item is None else item.data_category
        if category == "error":
            self._lose(reason, item, quantity)
        super().record_lost_event(reason, data_category, item, quantity=quantity)

    def _send_envelope(self, envelope: Envelope) -> None:
        if self._is_ended:
            return
        try:
            super()._send_envelope(envelope)
        finally:
            with self._counting:
                self._unsent.difference_update(_events_in(envelope))

    def _lose(self, reason: str, item: Item | None, count: int) -> None:
        with self._counting:
            if self._is_ended:
                return
            self.lost[reason] += count
            if item is not None:
                self._unsent.discard(item)


def _events_in(envelope: Envelope) -> list[Item]:
    return [item for item in envelope.items if item.data_category == "error"]


@dataclass(slots=True)
class SentryHandle:
    """The running reporter: how to flush it and what it lost."""

    client: Any
    transport: Transport | None = None
    captured: int = 0
    filtered: int = 0

    def flush(self, seconds: float) -> bool:
        """Waits until queued events have left or are lost, at most `seconds`; True if none is left."""
        self.client.flush(timeout=seconds)
        return not getattr(self.transport, "unsent", 0)

    def dropped(self) -> dict[str, int]:
        """Return how many events did not arrive, by reason; `filtered` are those that are no errors."""
        lost = dict(getattr(self.transport, "lost", {}))
        lost.pop("before_send", None)
        return lost | ({"filtered": self.filtered} if self.filtered else {})

    def forget(self) -> None:
        """Starts from nothing, as a forked child must.

        What the parent has queued it sends itself, by connections of its own; its losses are its own, too.
        """
        self.captured = self.filtered = 0
        if isinstance(self.transport, CountingTransport):
            self.transport = self.client.transport = CountingTransport(self.client.options)

    def close(self, seconds: float = 2.0) -> None:
        """Flushes, stops the sender's thread and stops capturing; what is unsent then is lost."""
        global _handle  # noqa: PLW0603 - one reporter per process, as in sentry-sdk
        self.client.close(timeout=seconds)
        if isinstance(self.transport, CountingTransport):
            self.transport.end()
        sentry_sdk.get_global_scope().set_client(None)
        if _handle is self:
            _handle = None
            keep_steps(kept=False)


_handle: SentryHandle | None = None


def configure_sentry(
    config: TelemetryConfig,
    redactor: Redactor,
    *,
    transport: Transport | type[Transport] | None = None,
) -> SentryHandle | None:
    """Starts the error reports if `SENTRY_DSN` is set; returns their handle, or None without a DSN.

    Every event passes `before_send`: no event for 4xx, disconnects and cancellations; trace id of the current
    span; redaction of everything in it, at any depth. Local variables and request bodies are never attached.

    Raises:
        sentry_sdk.utils.BadDsn: The DSN is malformed.
    """
    global _handle  # noqa: PLW0603 - one reporter per process, as in sentry-sdk
    if not config.sentry_dsn:
        return None
    handle = SentryHandle(client=None)
    sentry_sdk.init(
        dsn=config.sentry_dsn,
        environment=config.sentry_environment or config.environment or None,
        release=config.sentry_release or config.service_version or None,
        sample_rate=config.sentry_sample_rate,
        transport=transport or CountingTransport,
        before_send=_before_send(handle, redactor),
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        include_local_variables=False,
        max_request_body_size="never",
        in_app_exclude=["otel"],
        trace_propagation_targets=[],
    )
    handle.client = sentry_sdk.get_client()
    handle.transport = handle.client.transport
    _handle = handle
    keep_steps(kept=True)
    return handle


def capture(error: BaseException, request: RequestContext | None) -> str | None:
    """Reports an unhandled error with what is known of its request; returns the event's id if it was taken.

    Without `configure_sentry` this does nothing. It never raises: a broken report must not break a response.
    """
    handle = _handle
    if handle is None:
        return None
    try:
        event, hint = event_from_exception(
            error,
            client_options=handle.client.options,
            mechanism={"type": "otel", "handled": False},
        )
        _describe(event, error, request)
        event_id = sentry_sdk.capture_event(event, hint if request is None else {**hint, _ANSWERED: True})
    except Exception:  # noqa: BLE001 - see the docstring
        _log.warning("error_report_failed", exc_info=True)
        return None
    handle.captured += event_id is not None
    return event_id


def _describe(event: Event, error: BaseException, request: RequestContext | None) -> None:
    route = None if request is None else request.route or UNMATCHED
    error_type = type(error)
    # By type and route: messages hold ids, which would make an issue of every event.
    event["fingerprint"] = [f"{error_type.__module__}.{error_type.__qualname__}", route or "no request"]
    if request is None or route is None:
        return
    scope = request.scope
    method = method_of(scope)
    event["transaction"] = f"{method} {route}"
    # A WebSocket begins as a GET (RFC 6455 section 4.1).
    event["request"] = {"method": "GET" if method == WEBSOCKET else method, "url": scope.get("path", "")}
    event["tags"] = _tags(request, route)
    if request.user_id is not None:
        event["user"] = {"id": request.user_id}
    if request.trace_id is not None and request.span_id is not None:
        event["contexts"] = {"trace": {"trace_id": request.trace_id, "span_id": request.span_id}}
    if request.breadcrumbs:
        event["breadcrumbs"] = {"values": [_crumb(step) for step in request.breadcrumbs]}


def _crumb(step: Step) -> dict[str, Any]:
    when, category, message, level, data = step
    return {
        "timestamp": datetime.fromtimestamp(when, UTC),
        "type": "default",
        "category": category,
        "message": message,
        "level": level,
        "data": dict(data),
    }


def _tags(request: RequestContext, route: str) -> dict[str, str]:
    tags = {"route": route, "request_id": request.request_id}
    if request.role is not None:
        tags["role"] = request.role
    # A path parameter `course_id` becomes the tag `course`.
    for name, value in (request.scope.get("path_params") or {}).items():
        if name.endswith("_id"):
            tags[name.removesuffix("_id")] = str(value)
    return tags | (request.tags or {})


def _before_send(handle: SentryHandle, redactor: Redactor) -> Callable[[Event, Hint], Event | None]:
    def before_send(event: Event, hint: Hint) -> Event | None:
        if _is_no_error(event, hint):
            handle.filtered += 1
            return None
        _link_to_trace(event)
        event["contexts"]["runtime"] = dict(_RUNTIME)
        redacted = cast("Event", redactor.mapping(dict(event)))
        if "timestamp" in event:
            redacted["timestamp"] = event["timestamp"]  # Sentry wants it as it made it
        return redacted

    return before_send


def _is_no_error(event: Event, hint: Hint) -> bool:
    if _ANSWERED in hint:
        return False
    if str(event.get("logger") or "").startswith(_IGNORED_LOGGERS):
        return True
    error = (hint.get("exc_info") or (None, None, None))[1]
    if error is None:
        return False
    names = {each.__name__ for each in type(error).__mro__}
    if _FRAMEWORKS_REFUSAL in names:
        return bool(getattr(error, "status_code", _FIRST_SERVER_ERROR) < _FIRST_SERVER_ERROR)
    return not names.isdisjoint(_ENDED_EARLY)


def _link_to_trace(event: Event) -> None:
    """Give an event that someone else captured the ids of the current span."""
    identity = trace.get_current_span().get_span_context()
    contexts = event.setdefault("contexts", {})
    ours = "fingerprint" in event and "trace" in contexts
    if identity.is_valid and not ours:
        ids = {"trace_id": f"{identity.trace_id:032x}", "span_id": f"{identity.span_id:016x}"}
        contexts["trace"] = {**contexts.get("trace", {}), **ids}
