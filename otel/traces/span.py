"""Spans for the price of their content: the SDK's own, started and filled without its detours.

The SDK (1.45.2) cleans, copies and locks each attribute, makes lists for events and links that stay empty,
copies the span when it ends and looks its metrics up by attributes: three times the work. `LeanSpan` does
the same for what nearly all spans consist of and leaves the rest to its base class; a span with links, or
with attributes that are no plain values, is the SDK's from the start.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from time import time_ns
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, Tracer, TracerProvider
from opentelemetry.sdk.trace._tracer_metrics import NoOpTracerMetrics
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import Tracer as ApiTracer
from opentelemetry.util.types import Attributes, AttributeValue

from otel.metrics.counters import NumberSeries
from otel.traces.counting import count_start

_PLAIN: Final = frozenset({str, int, float, bool})
_FLAGS: Final = tuple(TraceFlags(number) for number in range(4))
_SAMPLED, _RANDOM = int(TraceFlags.SAMPLED), int(TraceFlags.RANDOM_TRACE_ID)


class _Held(BoundedAttributes):
    """The SDK's attributes of one span, around a dictionary that is clean already."""

    def __init__(
        self, values: dict[str, Any], limit: int | None, length: int | None, *, immutable: bool
    ) -> None:
        self._dict = values
        self.maxlen = limit
        self.max_value_len = length
        self.dropped = 0
        self._lock = threading.Lock()
        self._immutable = immutable


class LeanSpan(Span):
    """A recording span; everything that the API and the SDK say of one holds.

    `values` are its attributes as a plain dictionary, for who reads them after its end.

    Each object of a span that waits for its export is one more for the garbage collector. So the SDK's
    attributes are made for who asks for them, and one lock, held for an instant, does for all spans.
    """

    # Reentrant, because a signal handler may use a span while the same thread does.
    _lock: Any = threading.RLock()
    _held: _Held | None = None
    # What the SDK's constructor sets on each span and hardly any changes.
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
        tracer: LeanTracer,
        start_time: int | None,
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
        self._start_time = time_ns() if start_time is None else start_time

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
        """Attributes that the limits dropped."""
        return 0 if self._held is None else self._held.dropped

    def get_span_context(self) -> SpanContext:
        """Returns the span's identity."""
        return self._context  # type: ignore[return-value]  # its constructor took no None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Sets an attribute; one of the same key is replaced."""
        if value.__class__ in _PLAIN and key.__class__ is str and key:
            with self._lock:
                values, room = self.values, self._room
                if self._end_time is None and room and (len(values) < room or key in values):
                    values.pop(key, None)
                    values[key] = value
                    return
        super().set_attribute(key, value)

    def update_name(self, name: str) -> None:
        """Replaces the name."""
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
        # Nothing changes a span that has ended, so it needs no copy.
        return self if self._end_time is not None else super()._readable_span()

    def end(self, end_time: int | None = None) -> None:
        """Ends the span and hands it to the processors, once."""
        with self._lock:
            running = self._end_time is None
            if running:
                self._end_time = time_ns() if end_time is None else end_time
                if self._held is not None:
                    self._held._immutable = True  # noqa: SLF001 - see `_Held`
        if not running:
            super().end(end_time)  # which warns
            return
        if self.live is not None:
            self.live.add(-1)
        processor = self._span_processor
        processor._on_ending(self)  # noqa: SLF001 - as the SDK does
        processor.on_end(self)


def _renew_lock() -> None:
    """Frees the lock that another thread of the parent may have held at the fork."""
    LeanSpan._lock = threading.RLock()  # noqa: SLF001 - as above


os.register_at_fork(after_in_child=_renew_lock)


class LeanTracer(Tracer):
    """Starts lean spans where it can. `room` is how many plain attributes a span takes without a check."""

    @classmethod
    def like(cls, tracer: Tracer) -> LeanTracer:
        """Makes one that works as `tracer` does."""
        lean = cls.__new__(cls)
        lean.__dict__.update(tracer.__dict__)
        limits = tracer._span_limits  # noqa: SLF001 - a part of the same SDK
        most, longest = limits.max_span_attributes, limits.max_span_attribute_length
        lean.room = 0.0 if longest is not None else math.inf if most is None else most
        lean.counts = not isinstance(tracer._tracer_metrics, NoOpTracerMetrics)  # noqa: SLF001 - as above
        return lean

    room: float
    counts: bool

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002 - the signature of the API
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002 - the signature of the API
    ) -> ApiSpan:
        """Starts a span below the one of `context`, or of the current context."""
        usual = record_exception and set_status_on_exception and not links
        if not usual or not self._is_enabled() or not self._fits(attributes):
            return super().start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        parent = get_current_span(context).get_span_context()
        return self._start(name, context, kind, attributes, parent if parent.is_valid else None, start_time)

    def _start(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        attributes: Attributes,
        parent: SpanContext | None,
        start_time: int | None,
    ) -> ApiSpan:
        ids = self.id_generator
        trace_id = ids.generate_trace_id() if parent is None else parent.trace_id
        # Our samplers neither read the attributes nor add any.
        sampled = self.sampler.should_sample(context, trace_id, name, kind)
        random = ids.is_trace_id_random() if parent is None else parent.trace_flags & _RANDOM
        flags = (_SAMPLED if sampled.decision is Decision.RECORD_AND_SAMPLE else 0) | (
            _RANDOM if random else 0
        )
        identity = SpanContext(
            trace_id,
            ids.generate_span_id(),
            is_remote=False,
            trace_flags=_FLAGS[flags],
            trace_state=sampled.trace_state,
        )
        live = count_start(parent, sampled.decision) if self.counts else None
        if sampled.decision is Decision.DROP:
            return NonRecordingSpan(identity)
        span = LeanSpan(
            name, identity, parent, kind, dict(attributes) if attributes else {}, self, start_time
        )
        span.live = live
        self.span_processor.on_start(span, parent_context=context)
        return span

    def _fits(self, attributes: Attributes) -> bool:
        if not attributes:
            return True
        if len(attributes) > self.room:
            return False
        for key, value in attributes.items():
            if value.__class__ not in _PLAIN or key.__class__ is not str or not key:
                return False
        return True


class LeanTracerProvider(TracerProvider):
    """Gives out lean tracers."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> ApiTracer:
        """Returns the tracer of this scope."""
        tracer = super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )
        if type(tracer) is not Tracer:
            return tracer
        lean = LeanTracer.like(tracer)
        with self._tracers_lock:
            self._tracers[tracer._instrumentation_scope] = lean  # noqa: SLF001 - the provider's own tracer
        return lean
