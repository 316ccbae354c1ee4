"""The stack of any exception becomes text of bounded size that keeps the raising frame."""

from __future__ import annotations

import traceback

import pytest

from otel.foreign.failure import LONGEST_STACK, MOST_ERRORS, stack_text
from otel.foreign.names import CUT
from tests.otel import hostile
from tests.otel.hostile import Case


@pytest.mark.parametrize("case", [Case(error) for error in hostile.failures()], ids=repr)
def test_any_exception_has_a_stack_of_bounded_size(case: Case) -> None:
    text = stack_text(case.value)

    assert len(text) <= 2 * LONGEST_STACK
    assert "raise error" in text
    assert type(case.value).__qualname__ in text


def test_an_ordinary_exception_looks_as_python_shows_it() -> None:
    error = ValueError("outer")
    error.__cause__ = hostile.raised(KeyError("inner"))
    error.__cause__.add_note("a note")
    ours, python = stack_text(hostile.raised(error)), "".join(traceback.format_exception(error))
    assert ours == "\n".join(line for line in python.split("\n") if set(line) - set(" ^~") or not line)


def test_an_implicit_cause_can_be_suppressed() -> None:
    error = ValueError("outer")
    error.__context__ = hostile.raised(KeyError("inner"))
    assert "During handling of the above exception" in stack_text(error)
    error.__suppress_context__ = True
    assert "inner" not in stack_text(error)


def test_a_deep_stack_keeps_both_ends() -> None:
    text = stack_text(hostile.raised(ValueError("deep"), 900))

    assert "in raised" in text
    assert text.endswith("    raise error\nValueError: deep\n")
    assert f"{CUT} 852 frames" in text


def test_a_chain_keeps_the_latest_exceptions_and_counts_the_rest() -> None:
    text = stack_text(hostile.chain(50))

    assert text.startswith(f"{CUT} {50 - MOST_ERRORS} earlier exceptions\n")
    assert text.endswith("ValueError: link 49\n")


def test_a_ring_of_causes_is_shown_once() -> None:
    assert stack_text(hostile.ring()).count("ValueError") == 2


def test_a_limited_number_of_group_members_is_shown() -> None:
    text = stack_text(hostile.group(1, 3))
    assert text.count("KeyError: 'leaf'") == 3
    assert stack_text(hostile.group(4, 6)).count("raise error") <= MOST_ERRORS
    assert f"{CUT} 5 more" in stack_text(hostile.group(4, 6))
