"""The SDK's spans with a fast path for what nearly all spans consist of.

The SDK (1.45.2) cleans, copies and locks each attribute, allocates lists for events and links that stay
empty, copies the span when it ends and looks its metrics up by attributes: three times the work. `LeanSpan`
skips that for plain attributes, and cleans everything else before its base class handles it: callers may pass
values of any type, and none makes a call raise.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from time import monotonic_ns
from types import MappingProxyType, TracebackType
from typing import Any, Final, NamedTuple

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan, Span
from opentelemetry.semconv.attributes.exception_attributes import (
    EXCEPTION_ESCAPED,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from otel.foreign.failure import stack_text
from otel.foreign.guard import harmless, note_failure
from otel.foreign.names import CUT_COUNT, full_type_name
from otel.foreign.values import Budget, error_text, text_of
from otel.metrics.counters import NumberSeries
from otel.traces.current import set_error
from otel.traces.given import (
    clean_attributes,
    clean_key,
    clean_name,
    clean_status,
    clean_time,
)


class _Held(BoundedAttributes):
    """The SDK's attributes of one span, wrapping a dictionary that is already clean."""

    def __init__(
        self, values: dict[str, Any], limit: int | None, length: int | None, *, immutable: bool
    ) -> None:
        self._dict = values
        self.maxlen = limit
        self.max_value_len = length
        self.dropped = 0
        self._lock = threading.Lock()
        self._immutable = immutable


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Rest(NamedTuple):
    """What few spans have from their start, already cleaned; `cut` counts what cleaning left out."""

    attributes: Mapping[str, Any] = _NOTHING
    links: Sequence[Link] = ()
    start_time: int | None = None
    records_exception: bool = True
    sets_status: bool = True
    cut: int = 0


class LeanSpan(Span):
    """A recording span that keeps every promise of the API and the SDK.

    `values` are its attributes as a plain dictionary, for readers after its end. `tracer` is the `LeanTracer`
    that starts it. `anchor` is the number of nanoseconds that turns a monotonic time into a time since the
    epoch. It is inherited from the parent, so all times of a trace within a process fit together even if the
    clock is set.

    Every object of a span that waits for export costs the garbage collector. So the SDK's attributes are
    created only on demand, and one lock, held for an instant, serves all spans.
    """

    # Reentrant, because a signal handler may use a span while the same thread does.
    _lock: Any = threading.RLock()
    _held: _Held | None = None
    _start_time: int
    _cut = 0
    # Set on each span by the SDK's constructor, and rarely changed.
    _sampler = _trace_config = _instrumentation_info = _end_time = None
    _record_exception = _set_status_on_exception = True
    _status = Status()
    _events: Any = ()
    _links: Any = ()
    # The series of running spans in which it is counted.
    live: NumberSeries | None = None

    def __init__(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, Any],
        tracer: Any,  # noqa: ANN401 - its module imports this one
        rest: Rest | None,
        anchor: int,
    ) -> None:
        self._name = name
        self._context = context
        self._parent = parent
        self._kind = kind
        self._resource = tracer.resource
        self._instrumentation_scope = tracer._instrumentation_scope  # noqa: SLF001 - a part of the same SDK
        self._span_processor = tracer.span_processor
        self._limits = tracer._span_limits  # noqa: SLF001 - as above
        self._room = tracer.room
        self.values = attributes
        self.anchor = anchor
        self._start_time = monotonic_ns() + anchor
        if rest is not None:
            self._fill(rest)

    def _fill(self, rest: Rest) -> None:
        if rest.start_time is not None:
            self._start_time = rest.start_time
        if rest.links:
            self._links = self._new_links(rest.links)
        self._record_exception, self._set_status_on_exception = rest.records_exception, rest.sets_status
        self._cut = rest.cut
        if rest.attributes:
            self._attributes._set_items(rest.attributes)  # noqa: SLF001 - as the SDK does

    @property
    def _attributes(self) -> _Held:  # type: ignore[override]  # the SDK sets it in its constructor
        with self._lock:
            held = self._held
            if held is None:
                limits = self._limits
                held = self._held = _Held(
                    self.values,
                    limits.max_span_attributes,
                    limits.max_span_attribute_length,
                    immutable=self._end_time is not None,
                )
            return held

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the limits dropped."""
        return 0 if self._held is None else self._held.dropped

    def get_span_context(self) -> SpanContext:
        """Returns the span's identity."""
        return self._context  # type: ignore[return-value]  # the constructor accepts no None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Sets an attribute, replacing one with the same key."""
        kind = type(value)
        scalar = kind is str or kind is int or kind is float or kind is bool
        if scalar and type(key) is str and key:
            with self._lock:
                values, room = self.values, self._room
                if self._end_time is None and room and (len(values) < room or key in values):
                    values.pop(key, None)
                    values[key] = value
                    return
        self._set({key: value} if type(key) is str else {clean_key(key): value})

    @harmless
    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Sets attributes, replacing those with the same keys."""
        self._set(attributes)

    @harmless
    def _set(self, attributes: Any) -> None:  # noqa: ANN401 - a mapping, unless the caller makes a mistake
        budget = Budget()
        cleaned = clean_attributes(attributes, budget)
        if budget.cut:
            self._cut += budget.cut
        super().set_attributes(cleaned)

    @harmless
    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Adds an event."""
        budget = Budget()
        cleaned = clean_attributes(attributes, budget)
        if budget.cut:
            cleaned[CUT_COUNT] = budget.cut
        super().add_event(clean_name(name), cleaned, clean_time(timestamp) or monotonic_ns() + self.anchor)

    @harmless
    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Adds a link."""
        if issubclass(type(context), SpanContext):
            super().add_link(context, clean_attributes(attributes, Budget()))

    @harmless
    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Sets the status; OK is final."""
        cleaned = clean_status(status, description)
        if cleaned is not None:
            super().set_status(cleaned)

    @harmless
    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - the signature of the API
    ) -> None:
        """Adds the event `exception` with type, message and a stack of bounded size."""
        is_error = issubclass(type(exception), BaseException)
        described: dict[str, Any] = {
            EXCEPTION_TYPE: full_type_name(type(exception)),
            EXCEPTION_MESSAGE: error_text(exception) if is_error else text_of(exception),
            EXCEPTION_STACKTRACE: stack_text(exception) if is_error else "",
            EXCEPTION_ESCAPED: text_of(escaped),
        }
        budget = Budget()
        described |= clean_attributes(attributes, budget)
        if budget.cut:
            described[CUT_COUNT] = budget.cut
        super().add_event("exception", described, clean_time(timestamp) or monotonic_ns() + self.anchor)

    def update_name(self, name: str) -> None:
        """Replaces the name."""
        name = name if type(name) is str else clean_name(name)
        with self._lock:
            if self._end_time is None:
                self._name = name
                return
        super().update_name(name)

    def _add_event(self, event: Event) -> None:
        with self._lock:
            if self._events.__class__ is tuple:
                self._events = self._new_events()  # type: ignore[no-untyped-call]  # the SDK gives it no types
        super()._add_event(event)

    def _add_link(self, link: Link) -> None:
        with self._lock:
            if self._links.__class__ is tuple:
                self._links = self._new_links(())
        super()._add_link(link)

    def _readable_span(self) -> ReadableSpan:
        # An ended span never changes, so it needs no copy.
        return self if self._end_time is not None else super()._readable_span()

    def end(self, end_time: int | None = None) -> None:
        """Ends the span and passes it to the processors, once."""
        with self._lock:
            running = self._end_time is None
            if running:
                if self._cut:
                    self.values[CUT_COUNT] = self._cut
                given = None if end_time is None else clean_time(end_time)
                self._end_time = max(given or monotonic_ns() + self.anchor, self._start_time)
                if self._held is not None:
                    self._held._immutable = True  # noqa: SLF001 - see `_Held`
        if not running:
            super().end(end_time)  # logs a warning
            return
        if self.live is not None:
            self.live.add(-1)
        processor = self._span_processor
        try:
            processor._on_ending(self)  # noqa: SLF001 - as the SDK does
            processor.on_end(self)
        except Exception:  # noqa: BLE001 - an application may add its own processors
            note_failure("the end of a span")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        """Ends the span; an `Exception` that leaves the block is recorded on it."""
        if error is not None and self.is_recording():
            set_error(self, error, event=self._record_exception, status=self._set_status_on_exception)
        self.end()


def _renew_lock() -> None:
    """Replaces the lock, which another thread of the parent may have held at the fork."""
    LeanSpan._lock = threading.RLock()  # noqa: SLF001 - as above


os.register_at_fork(after_in_child=_renew_lock)
