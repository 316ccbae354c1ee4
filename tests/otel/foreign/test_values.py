"""Any value becomes a bounded plain value, and any object bounded text, whatever its own code does."""

from __future__ import annotations

import json
from collections import UserString
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from pydantic import BaseModel, Field, SecretStr

from otel.foreign.names import CUT, CYCLE, shortened
from otel.foreign.values import LONGEST, MOST_NODES, Budget, Plain, text_of
from tests.otel import hostile
from tests.otel.hostile import Case


def nodes(value: Plain) -> Iterator[Plain]:
    yield value
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from nodes(each)


@settings(max_examples=300, deadline=None)
@given(hostile.ANYTHING)
def test_a_copy_is_plain_and_bounded(case: Case) -> None:
    copied = list(nodes(Budget().value(case.value)))

    assert {type(each) for each in copied} <= {type(None), bool, int, float, str, list, dict}
    assert len(copied) < 3 * MOST_NODES  # each node may have a key and a mark
    assert sum(len(each) for each in copied if isinstance(each, str)) < 2 * LONGEST
    json.dumps(copied)


@settings(max_examples=300, deadline=None)
@given(hostile.ANYTHING)
def test_a_text_is_bounded(case: Case) -> None:
    assert len(text_of(case.value)) <= LONGEST
    assert len(text_of(case.value, 40)) <= 40


@pytest.mark.parametrize("kind", [hostile.Broken, hostile.Ends, hostile.NoText])
def test_an_object_that_cannot_be_shown_is_replaced_by_its_type(kind: type) -> None:
    assert text_of(kind()) == f"<unprintable {kind.__name__}>"
    assert Budget().value([1, kind()]) == [1, f"<unprintable {kind.__name__}>"]


def test_text_is_the_same_as_str_where_that_is_safe() -> None:
    class Place(NamedTuple):
        x: int

    @dataclass
    class Order:
        number: int
        secret: str = field(default="s", repr=False)

    for value in (1, 1.5, True, None, "a", UserString("a"), (1, "a"), [1], {"a": 1}, {1}, Place(1), Order(7)):
        assert text_of(value) == str(value)


def test_fields_become_a_mapping_without_those_hidden_from_the_repr() -> None:
    @dataclass
    class Order:
        number: int
        secret: str = field(default="s", repr=False)

    class Model(BaseModel):
        number: int = 7
        token: SecretStr = SecretStr("hunter2")
        secret: str = Field(default="s", repr=False)

    assert Budget().value(Order(7)) == {"number": 7}
    assert Budget().value(Model()) == {"number": 7, "token": "**********"}


def test_a_cycle_is_marked_and_the_rest_is_shown() -> None:
    course: dict[str, Any] = {"id": 1}
    course["lessons"] = [{"id": number, "course": course} for number in range(3)]
    budget = Budget()

    assert budget.value(course) == {
        "id": 1,
        "lessons": [{"id": number, "course": CYCLE} for number in range(3)],
    }
    assert budget.cut == 3


def test_a_cut_shows_how_much_was_left_out() -> None:
    budget = Budget()
    shown: Any = budget.value(list(range(1000)))

    assert shown[-1] == f"{CUT} {1000 - (len(shown) - 1)} more"
    assert budget.cut == 1000 - (len(shown) - 1)
    assert Budget().value({str(number): number for number in range(1000)})[CUT].endswith(" more")  # type: ignore[index,call-overload,union-attr]
    assert Budget().value("x" * 10_000).endswith(CUT)  # type: ignore[union-attr]  # a text


@pytest.mark.parametrize("count", [1, 32, 10_000])
def test_str_is_called_on_a_limited_number_of_objects(count: int) -> None:
    hostile.Counted.calls = 0
    Budget().value([hostile.Counted() for _ in range(count)])
    assert hostile.Counted.calls == min(count, MOST_NODES // 9 + 1)


@pytest.mark.parametrize("make", [hostile.graph, hostile.object_graph, hostile.wide, hostile.diamonds])
def test_str_is_not_called_on_an_object_that_holds_much(make: Callable[[], object]) -> None:
    hostile.Counted.calls = 0
    assert "too large to show" in text_of(hostile.Holder(make()))
    assert hostile.Counted.calls == 0


def test_a_mock_is_survived() -> None:
    assert "MagicMock" in text_of(MagicMock())


def test_a_cut_leaves_no_half_words() -> None:
    assert shortened(f"{'word ' * 20}password=hunter2", 110) == "word " * 20 + CUT
    assert shortened("x" * 500, 100) == "x" * (100 - len(CUT)) + CUT


def test_names_that_are_bytes_stay_names() -> None:
    headers = [(b"authorization", "Bearer abc"), (b"accept", b"*/*")]
    assert Budget().value(headers) == [["authorization", "Bearer abc"], ["accept", "<3 bytes>"]]
    assert Budget().value({b"password": "x"}) == {"password": "x"}
