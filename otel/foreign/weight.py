"""Finds what an object holds, and how much its `str` would visit, without running the object's code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from types import MemberDescriptorType
from typing import Any, Final, NamedTuple

from otel.foreign.names import is_scalar, module_name

CHARACTERS_OF_A_NODE: Final = 32
_BITS_OF_A_NODE: Final = 96  # a decimal digit takes about three bits

_arguments: Final[Any] = BaseException.__dict__["args"].__get__
BUILTIN_LISTS: Final = (list, tuple, set, frozenset)
BUILTIN_CONTAINERS: Final = (dict, *BUILTIN_LISTS)
_WALKED: Final = (Mapping, Sequence, AbstractSet, BaseException)


def generated_fields(value: object, kind: type) -> list[tuple[str, object]] | None:
    """Returns the names and values that a generated repr shows, or None for a class without one.

    Covers dataclasses, attrs classes and pydantic models. Fields with `repr=False` are left out, and so are
    those that the object does not hold yet: reading one could load it.
    """
    names = generated_names(kind)
    if names is None:
        return None
    held = _dict_of(value)
    fields: list[tuple[str, object]] = []
    for name in names:
        if name in held:
            fields.append((name, held[name]))
        elif type(getattr(kind, name, None)) is MemberDescriptorType:
            fields.append((name, getattr(value, name, None)))
    return fields


def generated_names(kind: Any) -> list[str] | None:  # noqa: ANN401 - a class that may lack the attributes read here
    """Returns the names of the fields that a generated repr shows, or None for a class without one."""
    text, representation = kind.__str__, kind.__repr__
    if text is object.__str__ and hasattr(representation, "__wrapped__"):
        # Dataclasses wrap theirs in `reprlib.recursive_repr`.
        fields = getattr(kind, "__dataclass_fields__", None)
        return None if fields is None else [name for name, field in fields.items() if field.repr]
    if text is object.__str__ and hasattr(kind, "__attrs_attrs__"):
        generated = representation.__code__.co_filename.startswith("<attrs generated")
        return [field.name for field in kind.__attrs_attrs__ if field.repr] if generated else None
    if str(getattr(text, "__module__", "")).startswith("pydantic."):
        models = getattr(kind, "model_fields", None)
        return None if models is None else [name for name, field in models.items() if field.repr]
    return None


def weight(value: object, most: int) -> int:
    """Returns how many objects the text of `value` may visit, or a number over `most` if there are more.

    It counts what a repr could show: everything the object holds, through containers, generated classes and
    other objects of its module, each time it is met, except for its own holders. Long texts and numbers count
    by their length.
    """
    walk, total = _Walk(most), 1
    inside, path = [walk.begin(value)], {id(value)}
    while inside:
        parts, module, number = inside[-1]
        for each in parts:
            total += 1 + _size(each)
            if total > most:
                return total
            if is_scalar(each) or id(each) in path:
                continue
            opened = walk.open(each, module)
            if opened is not None:
                inside.append(opened)
                path.add(id(each))
                break
        else:
            inside.pop()
            path.discard(number)
    return total


def _size(value: Any) -> int:  # noqa: ANN401 - inspected by its type
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray:
        return len(value) // CHARACTERS_OF_A_NODE
    return value.bit_length() // _BITS_OF_A_NODE if kind is int else 0


_Opened = tuple[Iterator[object], str | None, int]
"""What an object holds, the module whose objects are opened (None: any module), and the object's id."""


class _Known(NamedTuple):
    """What a walk remembers about a class."""

    module: str
    container: Any
    fields: list[str] | None
    slots: list[MemberDescriptorType]


class _Walk:
    """Opens objects, and remembers what it finds out about their classes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._classes: dict[int, _Known] = {}

    def begin(self, value: object) -> _Opened:
        """Returns what the walk's first object holds."""
        known = self._class_of(value)
        module = None if known.container is not None else known.module
        return iter(self._parts(value, known)), module, id(value)

    def open(self, value: object, module: str | None) -> _Opened | None:
        """Returns what the object's text may show, or None if it is a leaf."""
        known = self._class_of(value)
        if known.container is not None or known.fields is not None:
            return iter(self._parts(value, known)), module, id(value)
        if module is not None and known.module != module and not issubclass(type(value), _WALKED):
            return None
        return iter(self._parts(value, known)), known.module, id(value)

    def _class_of(self, value: object) -> _Known:
        kind = type(value)
        known = self._classes.get(id(kind))
        if known is None:
            container = next((each for each in BUILTIN_CONTAINERS if issubclass(kind, each)), None)
            fields = None if container is not None else generated_names(kind)
            known = self._classes[id(kind)] = _Known(module_name(kind), container, fields, _slots(kind))
        return known

    def _parts(self, value: Any, known: _Known) -> list[object]:  # noqa: ANN401 - inspected by its type
        most = self._most
        if known.container is dict:
            return list(chain.from_iterable(list(islice(dict.items(value), most))))
        if known.container is not None:
            return list(islice(known.container.__iter__(value), most))
        held = _dict_of(value)
        if known.fields is not None:
            return [held[name] for name in known.fields if name in held] + _of_slots(value, known)
        parts = list(islice(held.values(), most)) + _of_slots(value, known)
        return [*parts, *_arguments(value)[:most]] if issubclass(type(value), BaseException) else parts


def _slots(kind: type) -> list[MemberDescriptorType]:
    return [
        descriptor
        for owner in kind.__mro__
        if owner is not object
        for descriptor in list(vars(owner).values())
        if type(descriptor) is MemberDescriptorType
    ]


def _of_slots(value: object, known: _Known) -> list[object]:
    return [_slot(descriptor, value) for descriptor in known.slots]


def _slot(descriptor: MemberDescriptorType, value: object) -> object:
    try:
        return descriptor.__get__(value)
    except AttributeError:  # the slot is not set yet
        return None


def _dict_of(value: object) -> dict[str, object]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if type(held) is dict else {}
