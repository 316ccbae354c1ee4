"""The shape of a MongoDB command: its fields and operators, with every value replaced by a question mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

Command = Mapping[str, Any]

# The fields that describe what a command searches and changes; sessions, concerns and cursors do not.
_SHOWN: Final = ("filter", "query", "q", "pipeline", "sort", "updates", "update", "u", "deletes", "key")
_VALUE: Final = "?"
_DEEPEST: Final = 8
_MOST_KEYS: Final = 40
_MOST_STAGES: Final = 20
_MOST_PARTS: Final = 500  # more than fit into 1,024 characters
_LONGEST: Final = 1024
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})
_REMEMBERED: Final = 4096
_BATCHES: Final = ("updates", "deletes")


def shape_of(command: Command) -> str:
    """Returns the command's shape as one short line: `{"filter":{"_id":?},"sort":{"title":?}}`.

    Two commands of one shape differ only in values. A part of a field path that contains a digit counts as a
    value, because programs build such paths from identifiers (`lessons.lesson-3.done`). A batch shows its
    first statement. At most 1,024 characters.
    """
    operation = next(iter(command), None)  # its value is the collection
    shown = {name: command[name] for name in _SHOWN if name in command and name != operation}
    for name in _BATCHES:
        if name in shown and isinstance(shown[name], Sequence):
            shown[name] = shown[name][:1]
    return _Shape().of(shown, 0)[:_LONGEST]


class _Shape:
    """Writes one shape; `left` is how many parts it may still have, over all levels."""

    def __init__(self) -> None:
        self.left = _MOST_PARTS

    def of(self, value: object, depth: int) -> str:
        kind = type(value)
        self.left -= 1
        # Checked before the abstract classes, which cost more.
        if kind in _PLAIN or depth > _DEEPEST or self.left < 0:
            return _VALUE
        if kind is dict or issubclass(kind, Mapping):
            pairs = [f'"{_path(str(key))}":{self.of(item, depth + 1)}' for key, item in _first(value)]
            return "{" + ",".join(pairs) + "}"
        return self._list(value, depth) if issubclass(kind, list) else _VALUE

    def _list(self, items: Any, depth: int) -> str:  # noqa: ANN401 - a list, by its type
        stages = items[:_MOST_STAGES]
        if not any(issubclass(type(item), Mapping) for item in stages):
            return _VALUE
        return "[" + ",".join(self.of(item, depth + 1) for item in stages) + "]"


def _first(value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - a mapping, by its type
    return list(islice(value.items(), _MOST_KEYS))


@lru_cache(_REMEMBERED)
def _path(key: str) -> str:
    if not any(map(str.isdigit, key)):
        return key
    return ".".join(_VALUE if any(map(str.isdigit, part)) else part for part in key.split("."))
