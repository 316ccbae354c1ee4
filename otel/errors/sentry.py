"""Reports errors to Sentry, or to anything that speaks its protocol, from our own error boundary.

No stock integration is installed: those for FastAPI and Starlette cost 60 to 100 µs per healthy request, copy
request data and patch libraries. Here a healthy request costs nothing; a failed one is described from its
`RequestContext`. Propagation stays W3C: sentry-sdk does not touch the propagators.
"""

from __future__ import annotations

import logging
import platform
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import sentry_sdk
from opentelemetry import trace
from sentry_sdk.transport import Transport

from otel.burst import BurstLimiter, Failure, failure_of
from otel.config.settings import TelemetryConfig
from otel.context import RequestContext, Step, keep_steps, steps_before
from otel.dotted import is_within
from otel.errors.stack import exception_values
from otel.errors.transport import CountingTransport
from otel.foreign.names import shortened, type_name
from otel.foreign.values import Budget, text_of
from otel.request_names import UNMATCHED, WEBSOCKET, method_of

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

    from otel.redaction.engine import Redactor

_FIRST_SERVER_ERROR: Final = 500
_IGNORED_LOGGERS: Final = ("opentelemetry", "sentry_sdk")
# Only this class: a client library's error may carry the status that *it* received, yet the failure is ours.
_HTTP_REFUSAL: Final = "HTTPException"
_ENDED_EARLY: Final = frozenset(
    {"CancelledError", "ClientDisconnect", "WebSocketDisconnect", "KeyboardInterrupt"}
)
# Marks the hint of a report from our own boundary: it knows the response, so the error's type is irrelevant.
_ANSWERED: Final = "otel.answered"
_LONGEST_TAG: Final = 200
_LONGEST_STEP: Final = 1024
_RUNTIME: Final = {"name": platform.python_implementation(), "version": platform.python_version()}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SentryHandle:
    """The running reporter: flushes and closes it, and counts what it lost."""

    bursts: BurstLimiter[Failure]
    client: Any = None
    transport: Transport | None = None
    reported: int = 0
    filtered: int = 0
    held_back: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)  # a signal handler may report, too

    @property
    def captured(self) -> int:
        """Returns how many reports were captured, by any caller: sent, lost or still queued."""
        return int(getattr(self.transport, "taken", self.reported)) + self.held_back

    def flush(self, seconds: float) -> bool:
        """Waits up to `seconds` until queued events are sent or lost; returns True if none is left."""
        self.client.flush(timeout=seconds)
        return not getattr(self.transport, "unsent", 0)

    def dropped(self) -> dict[str, int]:
        """Returns how many events did not arrive, by reason; `filtered` ones are not errors."""
        lost = {"filtered": self.filtered, "burst": self.held_back, **getattr(self.transport, "lost", {})}
        return {reason: count for reason, count in lost.items() if count and reason != "before_send"}

    def admit(self, failed: Failure) -> int | None:
        """Returns how many reports of the same failure were held back before; None holds this one back."""
        with self.lock:
            suppressed = self.bursts.admit(failed)
            list(self.bursts.reports())  # evicts bursts that have ended; `dropped` counts their reports
            self.held_back += suppressed is None
        return suppressed

    def forget(self) -> None:
        """Resets counts and queue, as a forked child must.

        The parent sends what it has queued over its own connections, and counts its own losses.
        """
        self.reported = self.filtered = self.held_back = 0
        self.lock = threading.RLock()
        self.bursts.forget()
        if isinstance(self.transport, CountingTransport):
            self.transport = self.client.transport = CountingTransport(self.client.options)

    def close(self, seconds: float = 2.0) -> None:
        """Flushes, stops the sender thread and stops capturing; whatever is still unsent is lost."""
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
    """Starts error reporting if `SENTRY_DSN` is set; returns its handle, or None without a DSN.

    Every event passes `before_send`: it filters 4xx responses, disconnects and cancellations, adds the ids of
    the current span, and redacts at any depth. Local variables and request bodies are never attached.

    Raises:
        sentry_sdk.utils.BadDsn: The DSN is malformed.
    """
    global _handle  # noqa: PLW0603 - one reporter per process, as in sentry-sdk
    if not config.sentry_dsn:
        return None
    handle = SentryHandle(BurstLimiter(config.error_burst, config.log_burst_seconds))
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
    """Reports an unhandled error and its request; returns the event's id, or None if it was not captured.

    Does nothing before `configure_sentry`. Never raises: a broken report must not break a response.
    """
    handle = _handle
    if handle is None:
        return None
    try:
        event_id = _report(handle, error, request)
    except Exception:  # noqa: BLE001 - see the docstring
        _log.warning("error_report_failed", exc_info=True)
        return None
    handle.reported += event_id is not None
    return event_id


def _report(handle: SentryHandle, error: BaseException, request: RequestContext | None) -> str | None:
    if request is None and _is_expected(error):
        handle.filtered += 1
        return None
    failed = failure_of(error, None if request is None else request.route or UNMATCHED)
    suppressed = handle.admit(failed)
    if suppressed is None:
        return None
    values = exception_values(error, handle.client.options)
    event: Event = {"level": "error", "exception": {"values": values}}
    _describe(event, failed, request)
    if suppressed:
        event["contexts"]["burst"] = {"suppressed": suppressed}
    hint: Hint = {"exc_info": (type(error), error, error.__traceback__), _ANSWERED: request is not None}
    return sentry_sdk.capture_event(event, hint)


def _describe(event: Event, failed: Failure, request: RequestContext | None) -> None:
    # The message is not part of the fingerprint: the ids in it would make every event a separate issue.
    event["fingerprint"] = [failed.error, _place(failed)]
    event["contexts"] = {}
    if steps := steps_before(request):
        event["breadcrumbs"] = {"values": _crumbs(steps)}
    route = failed.route
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
        event["contexts"]["trace"] = {"trace_id": request.trace_id, "span_id": request.span_id}


def _place(failed: Failure) -> str:
    """Returns the route, or the function that raised if there is none; issues are grouped by it."""
    return failed.function or "no request" if failed.route in (None, UNMATCHED) else failed.route


def _crumbs(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Returns the steps in order; they share one budget for their data, spent on the latest ones first."""
    budget = Budget()
    return [_crumb(step, budget) for step in reversed(list(steps))][::-1]


def _crumb(step: Step, budget: Budget) -> dict[str, Any]:
    when, category, message, level, data = step
    return {
        "timestamp": datetime.fromtimestamp(when, UTC),
        "type": "default",
        "category": category,
        "message": shortened(message, _LONGEST_STEP),
        "level": level,
        "data": {shortened(key, _LONGEST_TAG): budget.value(value) for key, value in data.items()},
    }


def _tags(request: RequestContext, route: str) -> dict[str, str]:
    tags = {"route": route, "request_id": request.request_id}
    if request.role is not None:
        tags["role"] = request.role
    # A path parameter `course_id` becomes the tag `course`.
    for name, value in (request.scope.get("path_params") or {}).items():
        if name.endswith("_id"):
            tags[name.removesuffix("_id")] = text_of(value, _LONGEST_TAG)
    return tags | (request.tags or {})


def _before_send(handle: SentryHandle, redactor: Redactor) -> Callable[[Event, Hint], Event | None]:
    def before_send(event: Event, hint: Hint) -> Event | None:
        if _is_ignored(event, hint):
            handle.filtered += 1
            return None
        _link_to_trace(event)
        event["contexts"]["runtime"] = dict(_RUNTIME)
        redacted = cast("Event", redactor.mapping(dict(event)))
        if "timestamp" in event:
            redacted["timestamp"] = event["timestamp"]  # sentry-sdk expects the object that it created
        return redacted

    return before_send


def _is_ignored(event: Event, hint: Hint) -> bool:
    if hint.get(_ANSWERED):
        return False
    if is_within(str(event.get("logger") or ""), _IGNORED_LOGGERS):
        return True
    error = (hint.get("exc_info") or (None, None, None))[1]
    return error is not None and _is_expected(error)


def _is_expected(error: BaseException) -> bool:
    """Tells whether the error is an intended response, or ends work that nobody waits for any more."""
    names = {type_name(each) for each in type(error).__mro__}
    if _HTTP_REFUSAL in names:
        return bool(getattr(error, "status_code", _FIRST_SERVER_ERROR) < _FIRST_SERVER_ERROR)
    return not names.isdisjoint(_ENDED_EARLY)


def _link_to_trace(event: Event) -> None:
    """Adds the ids of the current span to an event that was not captured by us."""
    identity = trace.get_current_span().get_span_context()
    contexts = event.setdefault("contexts", {})
    ours = "fingerprint" in event and "trace" in contexts
    if identity.is_valid and not ours:
        ids = {"trace_id": f"{identity.trace_id:032x}", "span_id": f"{identity.span_id:016x}"}
        contexts["trace"] = {**contexts.get("trace", {}), **ids}
