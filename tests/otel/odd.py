"""Values that a caller may pass by mistake, and values that are equal but not the same."""

from __future__ import annotations

from collections import UserString
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import Any
from unittest.mock import Mock

HALF = "a\ud800b"


class Sub(str):
    """A subclass of str."""

    __slots__ = ()

    def __str__(self) -> str:
        return "not its value"


class Outcome(StrEnum):
    CREATED = "created"


class Status(IntEnum):
    OK = 200
    ONE = 1


class Broken:
    """An object that fails in every method."""

    def _fail(self, *_: object) -> Any:  # noqa: ANN401 - it never returns
        raise RuntimeError("broken")

    __str__ = __repr__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __float__ = __index__ = _fail


class Endless(dict[str, object]):
    """A mapping that cannot be read."""

    def items(self) -> Any:  # noqa: ANN401 - it never returns
        raise RecursionError("endless")

    keys = __iter__ = items


EQUAL: list[tuple[Any, ...]] = [
    (True, 1, 1.0, Decimal(1), Fraction(1), Status.ONE),
    (False, 0, 0.0, -0.0),
    ("created", Sub("created"), Outcome.CREATED, UserString("created")),
    (200, 200.0, Status.OK, Decimal(200)),
    ("a", Sub("a"), UserString("a")),
    ("200", ""),
]
"""Groups of values that Python calls equal; those in the last group are equal to nothing."""

USUAL: list[Any] = [value for group in EQUAL for value in group]

ODD: list[Any] = [
    *(None, [], {}, (), object(), Broken(), Mock(spec=str), Mock(spec=int), b"\xff", 1j),
    *(HALF, Sub(HALF), "x" * 1000, 2**63, -(2**63) - 1, 2**70, 10**400, -(10**400), 10**5000),
    *(float("nan"), float("inf"), float("-inf"), 1.7e308, Decimal("NaN"), Decimal("1e999")),
    *([1, HALF, 2**70], {HALF: HALF}, {"a": {"b": [2**70]}}, {1: 2}),
]
"""Values that can hardly be recorded, if at all."""

AMOUNTS: list[Any] = [*USUAL, *ODD, 3, -3, 2.5, "3", 2**63 - 1, -(2**63)]
ATTRIBUTES: list[Any] = [
    *(None, {}, [], 5, "text", Broken(), Endless(), [("kind", "a")], {Broken: 1}),
    *({"kind": value} for value in (*USUAL, *ODD)),
    *({key: "a"} for key in (HALF, Sub("kind"), UserString("kind"), None, 1, True, "")),
]
