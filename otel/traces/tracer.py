"""The SDK's tracer and provider, with a fast path that starts lean spans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import monotonic_ns, time_ns
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace._tracer_metrics import NoOpTracerMetrics
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import Tracer as ApiTracer
from opentelemetry.util.types import Attributes

from otel.foreign.guard import note_failure
from otel.foreign.values import Budget
from otel.traces.counting import count_start
from otel.traces.given import clean_attributes, clean_kind, clean_links, clean_name, clean_time
from otel.traces.span import LeanSpan, Rest

_FLAGS: Final = tuple(TraceFlags(number) for number in range(4))
_SAMPLED, _RANDOM = int(TraceFlags.SAMPLED), int(TraceFlags.RANDOM_TRACE_ID)


class LeanTracer(Tracer):
    """Starts lean spans where it can. `room` is how many plain attributes a span takes without a check."""

    @classmethod
    def like(cls, tracer: Tracer) -> LeanTracer:
        """Creates a lean tracer with the state of `tracer`."""
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
        """Starts a child of the span in `context`, or in the current context; never raises.

        Values that a span cannot hold are turned into text, cut or left out. If the span cannot be started at
        all, a non-recording one is returned.
        """
        try:
            if not self._is_enabled():
                return super().start_span(name, context, kind)
            plain = type(name) is str and type(kind) is SpanKind and not links and self._fits(attributes)
            if not plain or not record_exception or not set_status_on_exception:
                flags = (record_exception, set_status_on_exception)
                odd = _rest(attributes, links, start_time, flags)
                return self._start(clean_name(name), _context(context), clean_kind(kind), {}, odd)
            values = dict(attributes) if attributes else {}
            rest = None if start_time is None else Rest(start_time=clean_time(start_time))
            return self._start(name, context, kind, values, rest)
        except Exception:  # noqa: BLE001 - the application may bring its own sampler or id generator
            note_failure("the start of a span")
            return INVALID_SPAN

    def _start(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        values: dict[str, Any],
        rest: Rest | None,
    ) -> ApiSpan:
        current = get_current_span(context)
        above = current.get_span_context()
        parent = above if above.is_valid else None
        ids = self.id_generator
        trace_id = ids.generate_trace_id() if parent is None else parent.trace_id
        # Our samplers neither read attributes nor add any.
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
        span = LeanSpan(name, identity, parent, kind, values, self, rest, _anchor(current))
        span.live = live
        try:
            self.span_processor.on_start(span, parent_context=context)
        except Exception:  # noqa: BLE001 - an application may add its own processors
            note_failure("the start of a span")
        return span

    def _fits(self, attributes: Attributes) -> bool:
        if not attributes:
            return True
        if type(attributes) is not dict or len(attributes) > self.room:
            return False
        for key, value in attributes.items():
            kind = type(value)
            if kind is not str and kind is not int and kind is not float and kind is not bool:
                return False
            if type(key) is not str or not key:
                return False
        return True


def _anchor(current: ApiSpan) -> int:
    return current.anchor if type(current) is LeanSpan else time_ns() - monotonic_ns()


def time_in_trace(monotonic: int, span: ApiSpan | None = None) -> int:
    """Converts monotonic nanoseconds to a time on the clock of `span`, or of the span that starts next."""
    return monotonic + _anchor(get_current_span() if span is None else span)


def _context(context: Context | None) -> Context | None:
    return context if issubclass(type(context), Context) else None


def _rest(attributes: Attributes, links: object, start_time: object, flags: tuple[bool, bool]) -> Rest:
    budget = Budget()
    return Rest(
        attributes=clean_attributes(attributes, budget),
        links=clean_links(links, budget) if links else [],
        start_time=clean_time(start_time),
        records_exception=bool(flags[0]),
        sets_status=bool(flags[1]),
        cut=budget.cut,
    )


class LeanTracerProvider(TracerProvider):
    """Returns lean tracers."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> ApiTracer:
        """Returns the tracer of an instrumentation scope."""
        tracer = super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )
        if type(tracer) is not Tracer:
            return tracer
        lean = LeanTracer.like(tracer)
        with self._tracers_lock:
            self._tracers[tracer._instrumentation_scope] = lean  # noqa: SLF001 - the provider's own tracer
        return lean
