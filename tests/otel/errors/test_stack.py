"""A report keeps both the raising frame and the outermost one, however deep the stack is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace

import otel
from otel.errors.sentry import capture
from otel.testing import Captured


@contextmanager
def room_for(frames: int) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(frames + 1000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def down(steps: int) -> None:
    if steps == 0:
        raising()
    further_down(steps - 1)


def further_down(steps: int) -> None:
    if steps == 0:
        raising()
    down(steps - 1)


def raising() -> None:
    raise LookupError("at the bottom")


def raised(depth: int, behind: BaseException | None = None) -> BaseException:
    with room_for(depth):
        try:
            beginning(depth, behind)
        except Exception as error:  # noqa: BLE001 - returns whatever was raised
            return error
    raise AssertionError("nothing was raised")


def beginning(depth: int, behind: BaseException | None) -> None:
    try:
        down(depth)
    except LookupError as error:
        if behind is not None:
            raise error from behind
        raise


def reported(captured: Captured, error: BaseException) -> list[dict[str, Any]]:
    captured.errors.clear()
    assert capture(error, None) is not None
    values: list[dict[str, Any]] = captured.errors[0]["exception"]["values"]
    return values


def functions(value: dict[str, Any]) -> list[str]:
    return [frame["function"] for frame in value["stacktrace"]["frames"]]


@pytest.mark.parametrize("depth", [1, 46, 47, 48, 300, 2_500])
def test_both_ends_of_a_stack_are_kept(captured: Captured, depth: int) -> None:
    [value] = reported(captured, raised(depth))
    kept = functions(value)
    assert (kept[:2], kept[-1]) == (["raised", "beginning"], "raising")
    assert value["stacktrace"]["frames"][-1]["context_line"].strip() == 'raise LookupError("at the bottom")'
    frames = depth + 4  # `down` for 0 steps as well
    omitted = value["stacktrace"].get("frames_omitted")
    assert len(kept) == min(frames, 50)
    assert omitted == ([15, frames - 35] if frames > 50 else None)


def test_an_endless_recursion_shows_where_it_began(captured: Captured) -> None:
    def forever() -> None:
        forever()

    with pytest.raises(RecursionError) as raised:
        forever()
    [value] = reported(captured, raised.value)
    assert value["type"] == "RecursionError"
    assert (functions(value)[0], functions(value)[-1]) == (forever_test_name(), "forever")


def forever_test_name() -> str:
    return test_an_endless_recursion_shows_where_it_began.__name__


def test_a_cause_keeps_both_ends_of_its_stack_too(captured: Captured) -> None:
    cause = raised(300)
    first, last = reported(captured, raised(300, cause))
    assert (functions(first)[0], functions(first)[-1]) == ("raised", "raising")
    assert (functions(last)[0], functions(last)[-1]) == ("raised", "raising")
    assert first["mechanism"]["source"] == "__cause__"


def chain(length: int) -> BaseException:
    error = raised(1)
    for _ in range(length - 1):
        error = raised(1, error)
    return error


def group(size: int) -> BaseException:
    return ExceptionGroup("many", [LookupError(str(number)) for number in range(size)])


def cycle(_: int) -> BaseException:
    first, second = LookupError("first"), LookupError("second")
    first.__cause__, second.__cause__ = second, first
    return first


@pytest.mark.parametrize(
    ("make", "size", "expected"),
    [(chain, 3, 3), (chain, 3000, 10), (group, 3, 4), (group, 3000, 10), (cycle, 0, 2)],
)
def test_a_report_holds_at_most_ten_exceptions_with_the_reported_one_last(
    captured: Captured, make: Callable[[int], BaseException], size: int, expected: int
) -> None:
    error = make(size)
    values = reported(captured, error)
    assert len(values) == expected
    assert (values[-1]["type"], values[-1]["mechanism"]["exception_id"]) == (type(error).__name__, 0)
    assert all(value["mechanism"]["parent_id"] < value["mechanism"]["exception_id"] for value in values[:-1])


def test_log_records_and_spans_keep_both_ends_too(captured: Captured) -> None:
    error = raised(2_500)
    with trace.get_tracer("test").start_as_current_span("failing") as span:
        span.record_exception(error)
        otel.get_logger("app").error("failed", exc_info=error)
    [record] = captured.logs
    [event] = captured.spans[0].events
    for attributes in (record.attributes, event.attributes):
        text = str(attributes["exception.stacktrace"])
        assert "in beginning" in text
        assert "in raising" in text
        assert text.rstrip().endswith("LookupError: at the bottom")
        assert len(text) < 20_000
