"""The shape of a MongoDB command: its fields and operators, every value replaced by a question mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

Command = Mapping[str, Any]

# What says how a command searches and changes; sessions, concerns and cursors say nothing of that.
_TELLING: Final = ("filter", "query", "q", "pipeline", "sort", "updates", "update", "u", "deletes", "key")
_VALUE: Final = "?"
_DEEPEST: Final = 8
_MOST_KEYS: Final = 40
_MOST_STAGES: Final = 20
_LONGEST: Final = 1024
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})
_REMEMBERED: Final = 4096
_BATCHES: Final = ("updates", "deletes")


def shape_of(command: Command) -> str:
    """Return the command's shape as one short line: `{"filter":{"_id":?},"sort":{"title":?}}`.

    Two commands of one shape differ in values only: a part of a field path that holds a digit counts as a
    value, because programs build such paths from identifiers (`lessons.lesson-3.done`). A batch shows its
    first statement. At most 1,024 characters.
    """
    operation = next(iter(command), None)  # its value is the collection
    told = {name: command[name] for name in _TELLING if name in command and name != operation}
    for name in _BATCHES:
        if name in told and isinstance(told[name], Sequence):
            told[name] = told[name][:1]
    return _shape(told, 0)[:_LONGEST]


def _shape(value: object, depth: int) -> str:
    if value.__class__ in _PLAIN:  # before the abstract classes, which cost more to ask
        return _VALUE
    if depth > _DEEPEST:
        return _VALUE
    if value.__class__ is dict or isinstance(value, Mapping):
        pairs = [f'"{_path(str(key))}":{_shape(item, depth + 1)}' for key, item in _first(value)]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return _list(value, depth)
    return _VALUE


def _first(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return list(islice(value.items(), _MOST_KEYS))


def _list(items: list[Any], depth: int) -> str:
    if not any(isinstance(item, Mapping) for item in items):
        return _VALUE
    return "[" + ",".join(_shape(item, depth + 1) for item in items[:_MOST_STAGES]) + "]"


@lru_cache(_REMEMBERED)
def _path(key: str) -> str:
    if not any(map(str.isdigit, key)):
        return key
    return ".".join(_VALUE if any(map(str.isdigit, part)) else part for part in key.split("."))
