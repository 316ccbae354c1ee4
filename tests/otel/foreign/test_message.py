"""The message of a stdlib record is the one that stdlib formats, and survives any text and any argument."""

from __future__ import annotations

import decimal
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel.foreign.message import message_of
from otel.foreign.values import LONGEST
from tests.otel import hostile
from tests.otel.hostile import Case


def record(text: object, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("any", logging.INFO, "", 0, text, arguments, None)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("plain", ()), ("%s and %r", ("a", "b")), ("%d %x %5.2f %e", (7, 255, 1.5, 2.5)), ("100%", ()),
        ("%d %.1f", (decimal.Decimal(7), decimal.Decimal("1.25"))), ("%s", ((1, 2),)),
        ("%s %r", ([1], {"a": 1})),
        ("%(a)s %(b)d", ({"a": "x", "b": 2},)), ("%s", ({"a": 1},)), ("%-5s|%05d", ("a", 3)), ("%s", (None,)),
        ("%s", (ValueError("a", 2),)), ("%r", (ValueError("a"),)), ("%c", ("x",)),
    ],
)  # fmt: skip
def test_an_ordinary_message_is_the_same_as_in_stdlib(text: str, arguments: tuple[object, ...]) -> None:
    assert message_of(record(text, *arguments)) == record(text, *arguments).getMessage()


TEXTS = st.sampled_from(["%s", "%r", "%d", "%s %s", "%(a)s", "%", "none"]).map(Case)


@settings(max_examples=300, deadline=None)
@given(TEXTS | hostile.ANYTHING, hostile.ANYTHING)
def test_any_message_is_bounded(text: Case, argument: Case) -> None:
    made = record(text.value)
    assert len(message_of(made)) <= LONGEST
    made.args = (argument.value,)  # stdlib's constructor asks an argument for its `__class__`
    assert len(message_of(made)) <= LONGEST


def test_one_broken_argument_costs_only_itself() -> None:
    assert message_of(record("%s at %s", hostile.Broken(), 3)) == "<unprintable Broken> at 3"


def test_arguments_that_do_not_match_are_shown_after_the_text() -> None:
    assert message_of(record("%s and %s", 1)) == "%s and %s (1,)"


def test_a_records_own_get_message_is_respected() -> None:
    class Styled(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802 - the name that stdlib gave it
            return f"styled {self.msg}"

    class Failing(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802 - the name that stdlib gave it
            raise RuntimeError

    assert message_of(Styled("any", logging.INFO, "", 0, "text", (), None)) == "styled text"
    assert message_of(Failing("any", logging.INFO, "", 0, "text", (), None)) == "text"
