"""A lean span behaves like the SDK's span to every observer."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otel.metrics.catalogue import Counter, UpDownCounter
from otel.metrics.sdk import LIVE_SPANS, STARTED_SPANS
from otel.metrics.series import NumberSnapshot
from otel.testing.sinks import CountingIds
from otel.traces.span import LeanSpan
from otel.traces.tracer import LeanTracerProvider

_VALUES = st.one_of(
    st.text(max_size=12),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.just(("a", "b")),
    st.just(["a", 1, True]),
)
_KEYS = st.sampled_from(["", "a", "b", "c", "d"])
_STEPS = st.one_of(
    st.tuples(st.just("set_attribute"), _KEYS, _VALUES),
    st.tuples(st.just("set_attributes"), st.dictionaries(_KEYS, _VALUES, max_size=3)),
    st.tuples(st.just("update_name"), st.text(max_size=5)),
    st.tuples(
        st.just("add_event"), st.text(max_size=5), st.dictionaries(_KEYS, _VALUES, max_size=2), st.just(7)
    ),
    st.tuples(st.just("add_link"), st.just(SpanContext(3, 4, is_remote=True))),
    st.tuples(
        st.just("set_status"), st.sampled_from([Status(), Status(StatusCode.ERROR, "no"), StatusCode.OK])
    ),
    st.tuples(st.just("end"), st.just(9)),
)
_LIMITS = st.builds(
    SpanLimits,
    max_span_attributes=st.sampled_from([0, 2, 128, SpanLimits.UNSET]),
    max_span_attribute_length=st.sampled_from([3, SpanLimits.UNSET]),
    max_events=st.sampled_from([0, 1, 128]),
    max_links=st.sampled_from([0, 1, 128]),
)


def seen(provider_type: type[TracerProvider], limits: SpanLimits, act: Callable[[Any], None]) -> list[Any]:
    """Runs `act` with a tracer; returns what an exporter sees of its spans, without their times."""
    exporter = InMemorySpanExporter()
    provider = provider_type(
        resource=Resource({}), span_limits=limits, id_generator=CountingIds(), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    act(provider.get_tracer("test", "1"))
    return [
        (described(span), span.dropped_attributes, span.dropped_events, span.dropped_links)
        for span in exporter.get_finished_spans()
    ]


def described(span: ReadableSpan) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(span.to_json())
    del facts["start_time"], facts["end_time"]
    return facts


@settings(deadline=None, max_examples=200)
@given(_LIMITS, st.dictionaries(_KEYS, _VALUES, max_size=4), st.lists(_STEPS, max_size=6))
def test_any_calls_have_the_same_result_as_in_the_sdk(
    limits: SpanLimits, attributes: dict[str, Any], steps: list[Any]
) -> None:
    def act(tracer: trace.Tracer) -> None:
        span = tracer.start_span("work", kind=SpanKind.CLIENT, attributes=attributes)
        for name, *arguments in steps:
            getattr(span, name)(*arguments)
        span.end()

    assert seen(LeanTracerProvider, limits, act) == seen(TracerProvider, limits, act)


def fail(tracer: trace.Tracer) -> None:
    with suppress(LookupError), tracer.start_as_current_span("outer"):
        with tracer.start_as_current_span("inner", links=[Link(SpanContext(3, 4, is_remote=True))]):
            pass
        raise LookupError("nothing there")


def test_errors_children_and_links_are_the_same_as_in_the_sdk() -> None:
    def without_stack(spans: list[Any]) -> list[Any]:
        for facts, *_ in spans:
            for event in facts["events"]:
                del event["attributes"]["exception.stacktrace"], event["timestamp"]
        return spans

    lean = without_stack(seen(LeanTracerProvider, SpanLimits(), fail))
    assert lean == without_stack(seen(TracerProvider, SpanLimits(), fail))
    assert [facts["name"] for facts, *_ in lean] == ["inner", "outer"]


_REMOTE = SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
_UNSAMPLED = SpanContext(5, 6, is_remote=False, trace_flags=TraceFlags(0))


@pytest.mark.parametrize("parent", [None, _REMOTE, _UNSAMPLED])
@pytest.mark.parametrize(
    "sampler",
    [
        ALWAYS_ON,
        ALWAYS_OFF,
        ParentBased(ALWAYS_ON),
        ParentBased(ALWAYS_OFF),
        ParentBased(TraceIdRatioBased(0)),
    ],
)
def test_sampling_and_identity_are_the_same_as_in_the_sdk(
    sampler: Sampler, parent: SpanContext | None
) -> None:
    def identity(provider_type: type[TracerProvider]) -> tuple[Any, ...]:
        provider = provider_type(sampler, Resource({}), id_generator=CountingIds(), shutdown_on_exit=False)
        above = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else None
        span = provider.get_tracer("test").start_span("work", above)
        return span.get_span_context(), span.is_recording(), getattr(span, "parent", None)

    assert identity(LeanTracerProvider) == identity(TracerProvider)


def test_started_and_live_spans_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    STARTED_SPANS.forget()
    LIVE_SPANS.forget()
    tracer = LeanTracerProvider(ALWAYS_ON, shutdown_on_exit=False).get_tracer("test")
    first, second = tracer.start_span("a"), tracer.start_span("b")
    assert isinstance(first, LeanSpan)
    first.end()
    first.end()
    assert counted(STARTED_SPANS) == [2]
    assert counted(LIVE_SPANS) == [1]
    second.end()
    assert counted(LIVE_SPANS) == []


def counted(instrument: Counter | UpDownCounter) -> list[float]:
    """Returns the non-zero values of the instrument's series."""
    found = [each.value for each in instrument.snapshots() if isinstance(each, NumberSnapshot)]
    return [value for value in found if value]


def test_the_callers_attributes_are_not_modified() -> None:
    tracer = LeanTracerProvider(ALWAYS_ON, shutdown_on_exit=False).get_tracer("test")
    given_attributes = {"a": 1}
    span = tracer.start_span("work", attributes=given_attributes)
    span.set_attribute("b", 2)
    assert given_attributes == {"a": 1}


def test_other_processors_see_start_and_end() -> None:
    moments: list[str] = []

    class Watcher(SpanProcessor):
        def on_start(self, span: Span, parent_context: object = None) -> None:  # noqa: ARG002 - the interface
            moments.append(f"start {span.name}")

        def on_end(self, span: ReadableSpan) -> None:
            moments.append(f"end {span.name}")

    provider = LeanTracerProvider(ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(Watcher())
    provider.get_tracer("test").start_span("work").end()
    assert moments == ["start work", "end work"]
