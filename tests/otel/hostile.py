"""Objects that break their own contracts, and strategies that make more of them."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from otel.foreign.values import text_of


class Broken:
    """Raises from every method."""

    def _raise(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - stands in for many methods
        raise RuntimeError("no text")

    __str__ = __repr__ = __len__ = __iter__ = __getitem__ = __bool__ = __eq__ = __hash__ = _raise
    __int__ = __float__ = __index__ = __lt__ = __call__ = __format__ = _raise
    __class__ = property(_raise)  # like a proxy that has lost its target


class BrokenKind(type):
    """A metaclass whose classes cannot be compared, hashed or named."""

    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError(name)

    def __hash__(cls) -> int:
        raise RuntimeError("no hash")

    def __eq__(cls, other: object) -> bool:
        raise RuntimeError("no comparison")


class OfBrokenKind(metaclass=BrokenKind):
    """Has a class that raises for every attribute."""


class Ends:
    """Raises from `str` what no `except Exception` catches."""

    def __str__(self) -> str:
        raise GeneratorExit


class NoText:
    """Returns something other than a string from `str`."""

    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307 - on purpose


class Endless(Sequence[int]):
    """A sequence without an end."""

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - the base class has two overloads
        return index

    def __len__(self) -> int:
        return 2**62


class EndlessMapping(Mapping[str, int]):
    """A mapping without an end."""

    def __getitem__(self, key: str) -> int:
        return len(key)

    def __iter__(self) -> Iterator[str]:
        return map(str, iter(int, 1))

    def __len__(self) -> int:
        return 1


class Megabytes:
    """Has a repr of four megabytes."""

    def __repr__(self) -> str:
        return "x" * 4_000_000


@dataclass
class Node:
    """A node of a graph; its generated repr walks the whole graph."""

    number: int
    peers: list[Node] = field(default_factory=list)


class Counted:
    """Counts the calls of `str` on any instance."""

    calls = 0

    def __str__(self) -> str:
        Counted.calls += 1
        return f"counted {Counted.calls}"


class Holder(Counted):
    """Holds something that its text does not show, which cannot be known from outside."""

    def __init__(self, detail: object) -> None:
        self.detail = detail


class Shape:
    """Shows what it holds, as a hand-written repr does."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        return f"Shape{self.parts}"


class BrokenError(Exception):
    """Fails in `str`, like an exception whose constructor was skipped."""

    def __str__(self) -> str:
        return str(self.detail)  # type: ignore[attr-defined]  # that is the point


class DetailedError(Exception):
    """Shows whatever it was given in its text."""

    def __init__(self, detail: object) -> None:
        super().__init__()
        self.detail = detail

    def __str__(self) -> str:
        return f"detail: {self.detail!r}"


class Kind(Enum):
    """An enumeration of something that is not small."""

    GRAPH = object()


def graph(size: int = 8) -> list[dict[str, Any]]:
    """Returns mappings that all refer to each other; a naive walk takes `size` factorial steps."""
    nodes: list[dict[str, Any]] = [{"id": number} for number in range(size)]
    for node in nodes:
        node["peers"] = list(nodes)
    return nodes


def object_graph(size: int = 8) -> Node:
    """Returns the same graph made of dataclasses."""
    nodes = [Node(number) for number in range(size)]
    for node in nodes:
        node.peers = list(nodes)
    return nodes[0]


def diamonds(levels: int = 40) -> Shape:
    """Returns an object that shows one other twice, which in turn shows another twice, and so on."""
    below = Shape()
    for _ in range(levels):
        below = Shape(below, below)
    return below


def wide() -> dict[str, Any]:
    """Returns two megabytes of payload in 16,000 parts."""
    return {
        f"p{page}": [{"id": row, "text": "some words: and more " * 8} for row in range(40)]
        for page in range(200)
    }


def deep(levels: int = 5000) -> list[Any]:
    """Returns a list in a list in a list."""
    outer: list[Any] = []
    for _ in range(levels):
        outer = [outer]
    return outer


def chain(length: int) -> Exception:
    """Returns a chain of `length` exceptions, each the cause of the next."""
    latest: Exception | None = None
    for number in range(length):
        link = ValueError(f"link {number}")
        link.__cause__ = latest
        latest = raised(link, 0)
    assert latest is not None
    return latest


def ring() -> Exception:
    """Returns an exception that is the cause of its own cause."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def group(depth: int, width: int) -> Exception:
    """Returns a group of groups, `width` to the power of `depth` exceptions."""
    if depth == 0:
        return raised(KeyError("leaf"))
    return ExceptionGroup(f"level {depth}", [group(depth - 1, width) for _ in range(width)])


def raised(error: Exception, frames: int = 3) -> Exception:
    """Returns the exception, raised `frames` calls deep."""

    def fall(levels: int) -> None:
        if levels == 0:
            raise error
        fall(levels - 1)

    try:
        fall(frames)
    except Exception as caught:  # noqa: BLE001 - whatever was given
        return caught
    raise AssertionError


def annotated() -> Exception:
    """Returns an exception whose notes are broken."""
    error = ValueError("noted")
    vars(error)["__notes__"] = [Broken(), "n" * 100_000, *["note"] * 1000]
    return error


def failures() -> list[Exception]:
    """Returns exceptions that are dangerous to format."""
    return [
        raised(BrokenError()), raised(ValueError(Broken())), raised(ValueError("x" * 1_000_000)),
        raised(ValueError(graph())), raised(DetailedError(graph())), raised(DetailedError(object_graph())),
        raised(DetailedError(diamonds())),
        raised(KeyError(Broken())), raised(OSError(Broken(), Broken())), raised(ValueError("deep"), 900),
        raised(chain(2000)), raised(ring()), raised(group(4, 6)), raised(annotated()),
        raised(UnicodeDecodeError("utf-8", b"\xff" * 100_000, 0, 1, "")), raised(ValueError(*range(9999))),
    ]  # fmt: skip


def values() -> list[Any]:
    """Returns values that are dangerous to format, and some that are only unusual."""
    return [
        Broken(), OfBrokenKind(), Ends(), NoText(), Endless(), EndlessMapping(), Megabytes(), Kind.GRAPH,
        {"key": Broken()}, [Broken()] * 1000, {Megabytes(): Megabytes()}, graph(), object_graph(), wide(),
        diamonds(), deep(), 10**5000, -(2**70), float("nan"), float("-inf"), "\ud800", "x" * 10**6,
        b"\xff" * 10**6,
        None, True, Decimal("1.5"), UUID(int=0), Path("/srv"), datetime(2026, 1, 5, tzinfo=UTC), timedelta(1),
        HTTPStatus.OK, collections.deque([1]), collections.UserDict(a=1), {1, 2}, range(10**9), object(), int,
        print, lambda: None, iter([]), memoryview(b"abc"), bytearray(b"abc"), ..., type, NotImplemented,
    ]  # fmt: skip


class Case:
    """A value that a test report can show without running the value's code."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - that is the point
        self.value = value

    def __repr__(self) -> str:
        return f"Case({text_of(self.value, 80)})"


CASES: Final = [Case(value) for value in (*values(), *failures())]

_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)
ANYTHING: Final = st.sampled_from(CASES) | _plain.map(Case)
"""Generates anything that a caller may pass."""
