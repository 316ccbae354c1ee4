"""Copies foreign values into plain ones by a bounded walk that runs as little foreign code as possible."""

from __future__ import annotations

from collections import UserString
from collections.abc import Callable, Iterable, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import PosixPath, PurePosixPath
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final, TypeAlias, Union
from uuid import UUID

from otel.foreign.names import CUT, CYCLE, full_type_name, shortened, type_name, unprintable
from otel.foreign.weight import (
    BUILTIN_CONTAINERS,
    BUILTIN_LISTS,
    CHARACTERS_OF_A_NODE,
    generated_fields,
    weight,
)

LONGEST: Final = 8192
"""How many characters one text may have, and all texts of one item together."""

MOST_NODES: Final = 256
MOST_WEIGHED: Final = 500
MOST_ITEMS: Final = 1000
"""How many attributes of one call are read; the SDK has a lower limit and counts those beyond it."""

_LONGEST_KEY: Final = 256
_PRICE_OF_A_CALL: Final = 8  # nodes: `str` is called on at most 32 objects of an item
_DEEPEST: Final = 12  # a Sentry event nests nine levels
_LARGEST: Final = 4096  # bits; conversion to decimal takes quadratic time
_LISTED: Final = (Sequence, AbstractSet, ValuesView)
_SMALL: Final = frozenset({UUID, Decimal, PosixPath, PurePosixPath, IPv4Address, IPv6Address})
_KNOWN: Final[tuple[tuple[Any, Callable[[Any], str]], ...]] = (
    ((date, time), lambda moment: str(moment.isoformat())),
    (timedelta, lambda duration: f"{timedelta.total_seconds(duration)} s"),
    (type, type.__repr__),
    ((FunctionType, BuiltinFunctionType, MethodType), lambda each: f"{each.__module__}.{each.__qualname__}"),
)

Plain: TypeAlias = Union[bool, int, float, str, "list[Plain]", "dict[str, Plain]", None]
"""The types of JSON; integers may have any size, floats may be infinite or NaN."""

_arguments: Final[Any] = BaseException.__dict__["args"].__get__
_group_message: Final[Any] = BaseExceptionGroup.__dict__["message"].__get__
_group_members: Final[Any] = BaseExceptionGroup.__dict__["exceptions"].__get__


class Budget:
    """How much one telemetry item may still hold, shared by all of its values.

    `value` never raises, except for KeyboardInterrupt and SystemExit, which may come from a signal. It is
    bounded: 256 nodes, 8,192 characters, 12 levels, and 500 nodes inside objects whose `str` is called. `cut`
    counts the values that were left out or shortened; `otel.foreign.names` has their marks.

    Numbers, texts and containers are copied. Dataclasses, attrs classes and pydantic models become mappings
    of the fields that their generated repr shows, because that repr would walk everything they refer to. For
    any other object `str` is called if its class defines one and the object holds little; an object that is
    large, has no `str` of its own or fails in it is replaced by the name of its type. Nothing can interrupt a
    slow `__str__`: it is called once per object, for at most 32 objects of an item.
    """

    __slots__ = ("_path", "cut", "nodes", "room", "unweighed")

    def __init__(self, nodes: int = MOST_NODES, room: int = LONGEST) -> None:
        self.nodes = nodes
        self.room = room
        self.unweighed = MOST_WEIGHED
        self.cut = 0
        self._path: list[int] = []

    def value(self, value: Any) -> Plain:  # noqa: ANN401 - anything, inspected by its type
        """Returns a plain copy of the value."""
        if self.nodes <= 0:
            self.cut += 1
            return CUT
        self.nodes -= 1
        kind = type(value)
        try:
            return self._value(value, kind)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - foreign code may raise anything
            return self.text(unprintable(kind))

    def text(self, text: str) -> str:
        """Returns the text, shortened to the room that is left."""
        room = self.room
        self.room = max(room - len(text), 0)
        if len(text) <= room:
            return text
        self.cut += 1
        return shortened(text, room)

    def error(self, error: BaseException) -> str:
        """Returns the message of an exception: its own `__str__` or, without one, its arguments."""
        kind = type(error)
        try:
            return self.text(self._message(error, kind))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - as in `value`
            return self.text(unprintable(kind))

    def _value(self, value: Any, kind: type) -> Plain:  # noqa: ANN401 - as in `value`
        # Only by the type: `isinstance` asks the object for its `__class__`.
        if value is None or kind is bool:
            return value  # type: ignore[no-any-return]  # see the condition
        if issubclass(kind, str):
            return self.text(str.__str__(value))
        if issubclass(kind, int):
            return self._whole(int.__index__(value))
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, (bytes, bytearray, memoryview)):
            return f"<{memoryview(value).nbytes} bytes>"
        return self._container(value, kind)

    def _container(self, value: Any, kind: type) -> Plain:  # noqa: ANN401 - as in `value`
        if issubclass(kind, dict):
            return self._inside(value, self._mapping, dict.items(value), dict.__len__(value))
        for builtin in BUILTIN_LISTS:
            if issubclass(kind, builtin):
                return self._inside(value, self._list, builtin.__iter__(value), builtin.__len__(value))
        fields = generated_fields(value, kind)
        if fields is not None:
            return self._inside(value, self._mapping, fields, len(fields))
        if issubclass(kind, Mapping):
            return self._inside(value, self._mapping, value.items(), 0)
        if issubclass(kind, _LISTED) and not issubclass(
            kind, UserString
        ):  # whose items are UserStrings again
            return self._inside(value, self._list, value, 0)
        return self.text(self._written(value, kind))

    def _whole(self, value: int) -> int | str:
        if value.bit_length() <= _LARGEST:
            return value
        self.cut += 1
        return f"<int of {value.bit_length()} bits>"

    def _inside(self, container: object, copy: Any, content: Any, size: int) -> Plain:  # noqa: ANN401 - a method and its argument
        path = self._path
        if id(container) in path or len(path) >= _DEEPEST:
            self.cut += 1
            return CUT if len(path) >= _DEEPEST else CYCLE
        path.append(id(container))
        try:
            return copy(content, size)  # type: ignore[no-any-return]  # either method returns a plain value
        finally:
            path.pop()

    def _list(self, elements: Iterable[object], size: int) -> list[Plain]:
        # Taken in one go, in C for builtin containers: another thread may change it.
        taken = list(islice(elements, self.nodes + 1))
        if len(taken) == 2 and type(taken[0]) is bytes:  # noqa: PLR2004 - a header, redacted by its name
            taken[0] = taken[0].decode("latin-1")
        shown: list[Plain] = []
        for element in taken:
            if self.nodes <= 0 or not self.room:
                break
            shown.append(self.value(element))
        if len(shown) < len(taken):
            shown.append(self._rest(size - len(shown)))
        return shown

    def _mapping(self, items: Iterable[tuple[object, object]], size: int) -> dict[str, Plain]:
        taken = list(islice(items, self.nodes + 1))
        shown: dict[str, Plain] = {}
        for done, (key, item) in enumerate(taken):
            if self.nodes <= 0 or not self.room:
                shown[CUT] = self._rest(size - done)
                break
            shown[self._key(key)] = self.value(item)
        return shown

    def _key(self, key: object) -> str:
        if type(key) is bytes:
            key = key.decode("latin-1")
        return shortened(key if type(key) is str else str(self.value(key)), _LONGEST_KEY)

    def _rest(self, count: int) -> str:
        self.cut += max(count, 1)
        return f"{CUT} {count} more" if count > 0 else CUT

    def _written(self, value: Any, kind: type) -> str:  # noqa: ANN401 - as in `value`
        if issubclass(kind, BaseException):
            return self._message(value, kind)
        if issubclass(kind, Enum):
            return _as_text(self.value(value.value))
        if kind in _SMALL:
            return str(value)
        for known, text in _KNOWN:
            if issubclass(kind, known):
                return text(value)
        if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
            return f"<{full_type_name(kind)} object>"
        return self.own_text(value)

    def _message(self, error: BaseException, kind: type[BaseException]) -> str:
        if issubclass(kind, BaseExceptionGroup) and kind.__str__ is BaseExceptionGroup.__str__:
            return f"{self.value(_group_message(error))} ({len(_group_members(error))} sub-exceptions)"
        if kind.__str__ is not BaseException.__str__:
            return self.own_text(error)
        arguments = _arguments(error)
        if len(arguments) == 1:
            return _as_text(self._inside(error, self._first, arguments, 1))
        return self.own_text(arguments) if arguments else ""

    def _first(self, arguments: tuple[object, ...], _size: int) -> Plain:
        [argument] = arguments
        return (
            self.own_text(argument)
            if issubclass(type(argument), BUILTIN_CONTAINERS)
            else self.value(argument)
        )

    def own_text(self, value: object, form: Callable[[object], str] = str) -> str:
        """Returns `form(value)`, `str` or `repr`, if the object holds little; else the bounded copy as text.

        Raises:
            BaseException: Whatever the object's own code raises.
        """
        kind = type(value)
        self.nodes -= _PRICE_OF_A_CALL
        heavy = weight(value, self.unweighed)
        self.unweighed = max(self.unweighed - heavy, 0)
        if self.unweighed and self.nodes > -_PRICE_OF_A_CALL:
            text = str.__str__(form(value))
            self.unweighed = max(self.unweighed - len(text) // CHARACTERS_OF_A_NODE, 0)
            return text
        if issubclass(kind, BUILTIN_CONTAINERS) or generated_fields(value, kind) is not None:
            return _as_text(self.value(value))
        self.cut += 1
        return f"<{full_type_name(kind)} object, too large to show>"


def text_of(value: object, longest: int = LONGEST) -> str:
    """Returns the text of any object: never raises, at most `longest` characters; see `Budget`."""
    if type(value) is str:
        return shortened(value, longest)
    budget = Budget(room=longest)
    return shortened(_guarded_text(budget, value), longest)


def items_of(mapping: Any, most: int = MOST_ITEMS) -> list[tuple[Any, Any]]:  # noqa: ANN401 - whatever a caller passes
    """Returns at most `most` items of any mapping, however large it is; an empty list for None.

    Raises:
        TypeError: It is not a mapping.
        BaseException: Whatever the code of a foreign mapping raises.
    """
    kind = type(mapping)
    if issubclass(kind, dict):
        return list(islice(dict.items(mapping), most))
    if issubclass(kind, Mapping):
        return list(islice(mapping.items(), most))
    if mapping is None:
        return []
    raise TypeError(f"{type_name(kind)} is not a mapping")


def _guarded_text(budget: Budget, value: object) -> str:
    # As `str` would show it where that is safe: a tuple in parentheses, a dataclass with its name.
    kind = type(value)
    try:
        if issubclass(kind, BUILTIN_CONTAINERS) or generated_fields(value, kind) is not None:
            return budget.own_text(value)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - as in `Budget.value`, which shows everything but the broken part
        return _as_text(budget.value(value))
    return _as_text(budget.value(value))


def error_text(error: BaseException, longest: int = LONGEST) -> str:
    """Returns the message of any exception, at most `longest` characters; see `Budget.error`."""
    return Budget(room=longest).error(error)


def _as_text(value: Plain) -> str:
    return value if type(value) is str else str(value)
