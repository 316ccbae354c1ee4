"""Recording a value of any type never raises into the caller or changes what its code does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanContext

import otel
from otel.config.settings import TelemetryConfig
from otel.context import REQUEST, RequestContext
from otel.http.errors import report
from otel.logs.pipeline import Pipeline
from otel.metrics.data import DeclaredMetrics
from otel.testing import Captured, capture_telemetry
from tests.otel import hostile
from tests.otel.hostile import ANYTHING, Case

_NAMES = (
    "outcome",
    "error.type",
    "event",
    "level",
    "exc_info",
    "self",
    "name",
    "duration_ms",
    "message",
    "key",
)
NAME = st.sampled_from(_NAMES) | st.text(max_size=8)
ATTRIBUTES = st.dictionaries(NAME, ANYTHING, max_size=3).map(
    lambda cases: Case({name: case.value for name, case in cases.items()})
)
SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/"}
GIVEN = ANYTHING | ATTRIBUTES

COUNTER = otel.Counter("any.counter", unit="1", description="Any.", attributes={"kind": otel.ANY_BOUNDED()})
UP_DOWN = otel.UpDownCounter("any.up_down", unit="1", description="Any.", attributes={"kind": ("a", "b")})
GAUGE = otel.Gauge("any.gauge", unit="1", description="Any.", attributes={"kind": otel.IntegerRange(1, 5)})
HISTOGRAM = otel.Histogram("any.histogram", unit="s", description="Any.", attributes={}, buckets=(1, 2))
CATALOGUE = otel.Catalogue("any", COUNTER, UP_DOWN, GAUGE, HISTOGRAM)


@pytest.fixture(name="recorded", scope="module")
def _recorded() -> Iterator[Captured]:
    DeclaredMetrics([CATALOGUE]).forget()
    config = TelemetryConfig(service_name="test", runtime_metrics=False, log_burst=0, error_burst=0)
    with capture_telemetry(CATALOGUE, config=config) as captured:
        token = REQUEST.set(RequestContext("request-1", trace.INVALID_SPAN, SCOPE))
        yield captured
        REQUEST.reset(token)


@contextmanager
def only_our_handlers() -> Iterator[None]:
    """Removes every handler but ours: pytest's own raises what an argument of a log call raises."""
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers = [handler for handler in before if isinstance(handler, Pipeline)]
    yield
    root.handlers = before


def lost(recorded: Captured) -> float:
    """Returns how many log records could not be created."""
    return recorded.value("telemetry.log_records.held_back", {"reason": "failed"})


def _observe(instrument: otel.Counter | otel.UpDownCounter | otel.Gauge, value: Any) -> None:  # noqa: ANN401 - whatever a callback returns
    instrument.observe(lambda: value)()


def _in_span(act: Callable[[Any], object]) -> object:
    with trace.get_tracer("any").start_as_current_span("work") as span:
        return act(span)


def _foreign_instrument(value: object, attributes: object) -> None:
    meter: Any = metrics.get_meter("foreign")
    meter.create_counter("foreign.counter").add(value, attributes)
    meter.create_histogram("foreign.histogram").record(value, attributes)
    meter.create_up_down_counter("foreign.up_down").add(value, attributes)
    meter.create_gauge("foreign.gauge").set(value, attributes)


# Each takes three arguments of any type. `Any`, because no type checker would accept them otherwise.
_otel: Any = otel
_tracer: Any = trace.get_tracer("any")
RECORDING: dict[str, Callable[[Any, Any, Any], object]] = {
    "set_user": lambda a, b, _: _otel.set_user(a, b),
    "set_tag": lambda a, b, _: _otel.set_tag(a, b),
    "breadcrumb": lambda a, b, c: _otel.breadcrumb(a, level=b, message=c, category=c),
    "process_breadcrumb": lambda a, b, c: _otel.process_breadcrumb(a, level=b, message=c, category=c),
    "current_request": lambda *_: otel.current_request(),
    "get_logger": lambda a, b, c: _otel.get_logger(a, service=b, event=c).info(a, kind=b),
    "redact": lambda a, *_: _otel.redact(a),
    "reset_level": lambda a, *_: _otel.reset_level(a),
    "level_overrides": lambda *_: otel.level_overrides(),
    "Counter.add": lambda a, b, _: COUNTER.add(a, b),
    "Counter.add of a kind": lambda a, b, _: COUNTER.add(1, {"kind": a, "other": b}),
    "Counter.observe": lambda a, *_: _observe(COUNTER, a),
    "Counter.with_attributes": lambda a, b, _: COUNTER.with_attributes({"kind": a}).add(b),
    "UpDownCounter.add": lambda a, b, _: UP_DOWN.add(a, b),
    "UpDownCounter.observe": lambda a, *_: _observe(UP_DOWN, a),
    "Gauge.set": lambda a, b, _: GAUGE.set(a, b),
    "Gauge.observe": lambda a, *_: _observe(GAUGE, a),
    "Histogram.record": HISTOGRAM.record,
    "Histogram.with_attributes": lambda a, b, c: HISTOGRAM.with_attributes(b).record(a, c),
    "a foreign instrument": lambda a, b, _: _foreign_instrument(a, b),
    "start_span": lambda a, b, c: _tracer.start_span(a, b, c, a, b, c, a, b).end(a),
    "start_span with attributes": lambda a, b, _: _tracer.start_span("s", attributes=a, links=b).end(),
    "start_as_current_span": lambda a, b, _: _tracer.start_as_current_span(a, attributes=b).__enter__().end(),
    "span.set_attribute": lambda a, b, _: _in_span(lambda span: span.set_attribute(a, b)),
    "span.set_attributes": lambda a, *_: _in_span(lambda span: span.set_attributes(a)),
    "span.add_event": lambda a, b, c: _in_span(lambda span: span.add_event(a, b, c)),
    "span.add_link": lambda a, b, _: _in_span(lambda span: span.add_link(a, b)),
    "span.add_link with attributes": lambda a, *_: _in_span(
        lambda span: span.add_link(SpanContext(3, 4, is_remote=True), a)
    ),
    "span.set_status": lambda a, b, _: _in_span(lambda span: span.set_status(a, b)),
    "span.set_status to an error": lambda a, *_: _in_span(
        lambda span: span.set_status(trace.StatusCode.ERROR, a)
    ),
    "span.update_name": lambda a, *_: _in_span(lambda span: span.update_name(a)),
    "span.record_exception": lambda a, b, c: _in_span(lambda span: span.record_exception(a, b, c, a)),
    "span.end": lambda a, *_: _in_span(lambda span: span.end(a)),
}
SET_UP = frozenset(
    {
        *(
            "configure",
            "instrument",
            "Catalogue",
            "Counter",
            "External",
            "Gauge",
            "Histogram",
            "UpDownCounter",
        ),
        *(
            "ANY_BOUNDED",
            "AnyText",
            "Buckets",
            "MetricFamily",
            "QueryCost",
            "IntegerRange",
            "TelemetryConfig",
            "EnvSettings",
            "Setting",
            "ConfigError",
            "LevelOverride",
            "Telemetry",
        ),
        *("set_level", "render_problem", "active", "settings"),
    }
)  # they take no argument, or reject a wrong one once, at startup
DECORATORS = frozenset({"traced", "logged"})


def test_every_public_name_is_covered_here() -> None:
    recording = {name.partition(".")[0] for name in RECORDING if " " not in name} & set(otel.__all__)
    assert recording | SET_UP | DECORATORS == set(otel.__all__)


@pytest.mark.parametrize("name", RECORDING)
@settings(max_examples=60, deadline=None)
@given(GIVEN, GIVEN, GIVEN)
def test_recording_never_raises(
    recorded: Captured, name: str, first: Case, second: Case, third: Case
) -> None:
    before = lost(recorded)
    with only_our_handlers():
        RECORDING[name](first.value, second.value, third.value)
    assert lost(recorded) == before


@pytest.mark.parametrize("case", hostile.CASES, ids=repr)
def test_no_recording_fails_on_a_hostile_value(case: Case) -> None:
    inside = {"kind": case.value, "other": case.value}
    with only_our_handlers():
        for record in RECORDING.values():
            for first, others in ((case.value, case.value), (1, case.value), ("a", inside), (inside, None)):
                record(first, others, others)


@settings(max_examples=100, deadline=None)
@given(GIVEN, GIVEN, GIVEN)
def test_a_wrong_level_raises_nothing_but_a_value_error(first: Case, second: Case, third: Case) -> None:
    with suppress(ValueError):
        _otel.set_level(first.value, second.value, third.value)
    _otel.reset_level(first.value)


class EndError(BaseException):
    """Passes every `except Exception`, as a cancellation does."""


RAISED = st.sampled_from([None, EndError(), *hostile.failures()]).map(Case)


@settings(max_examples=150, deadline=None)
@given(
    argument=ANYTHING,
    raised=RAISED,
    decorator=st.sampled_from(["traced", "logged", "both"]),
    awaited=st.booleans(),
)
def test_a_decorated_function_runs_once_and_keeps_its_outcome(
    recorded: Captured, argument: Case, raised: Case, decorator: str, *, awaited: bool
) -> None:
    calls: list[object] = []
    before = lost(recorded)

    def act(outcome: object, exc_info: object, level: object = None) -> object:
        calls.append((outcome, exc_info, level))
        if raised.value is not None:
            raise raised.value
        return argument.value

    async def await_it(outcome: object, exc_info: object, level: object = None) -> object:
        return act(outcome, exc_info, level)

    decorated = _decorated(decorator, await_it if awaited else act)
    with only_our_handlers():
        result, error = _run(lambda: decorated(argument.value, exc_info=argument.value), awaited=awaited)
    assert len(calls) == 1
    assert error is raised.value
    assert result is (argument.value if raised.value is None else None)
    assert lost(recorded) == before


def _decorated(decorator: str, function: Callable[..., Any]) -> Callable[..., Any]:
    names = ("outcome", "exc_info", "level")
    if decorator != "logged":
        function = otel.traced("span", arguments=names)(function)
    return function if decorator == "traced" else otel.logged("line", arguments=names)(function)


def _run(call: Callable[[], Any], *, awaited: bool = False) -> tuple[object, BaseException | None]:
    try:
        return (_awaited(call()) if awaited else call()), None
    except BaseException as error:  # noqa: BLE001 - compared with what was raised
        return None, error


def _awaited(coroutine: Coroutine[Any, Any, object]) -> object:
    # Not in an event loop, which asks results and errors for their `__class__`.
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError


@settings(max_examples=60, deadline=None)
@given(raised=RAISED, use=st.booleans())
def test_an_exception_leaves_a_span_unchanged(raised: Case, *, use: bool) -> None:
    tracer = trace.get_tracer("any")

    def act() -> None:
        around = (
            trace.use_span(tracer.start_span("s"), end_on_exit=True)
            if use
            else tracer.start_as_current_span("s")
        )
        with around:
            if raised.value is not None:
                raise raised.value

    assert _run(act) == (None, raised.value)


@pytest.mark.parametrize("case", [Case(error) for error in hostile.failures()], ids=repr)
def test_any_failure_of_a_request_is_reported(recorded: Captured, case: Case) -> None:
    before = len(recorded.errors)
    with trace.get_tracer("any").start_as_current_span("request") as span:
        request = RequestContext("request-1", span, SCOPE)
        with only_our_handlers():
            report(request, case.value, observed=True)

    assert len(recorded.errors) == before + 1
    assert recorded.logs[-1].body == "unhandled_error"
    assert recorded.spans[-1].events[0].name == "exception"
