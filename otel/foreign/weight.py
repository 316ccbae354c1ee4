"""What an object holds, and how much its own text would have to visit, without running code of the object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from types import MemberDescriptorType
from typing import Any, Final

_BITS_OF_A_CHARACTER: Final = 3
_CHARACTERS_OF_A_NODE: Final = 32

_arguments: Final[Any] = BaseException.__dict__["args"].__get__
BUILTIN_LISTS: Final = (list, tuple, set, frozenset)
BUILTIN_CONTAINERS: Final = (dict, *BUILTIN_LISTS)
_LEAVES: Final = frozenset({int, float, bool, type(None), str, bytes})
_MEASURED: Final = (str, bytes, bytearray)
_WALKED: Final = (Mapping, Sequence, AbstractSet, BaseException)


def generated_fields(value: object, kind: type) -> list[tuple[str, object]] | None:
    """Returns names and values that a generated repr shows, None for a class that has none.

    Those of dataclasses, attrs classes and pydantic models. A field of `repr=False` is left out, and so is
    one that the object does not hold yet: reading it could load it.
    """
    names = _generated_names(kind)
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


def _generated_names(kind: Any) -> list[str] | None:  # noqa: ANN401 - a class, asked for what it may not have
    text, representation = kind.__str__, kind.__repr__
    if text is object.__str__ and hasattr(representation, "__wrapped__"):
        # `reprlib.recursive_repr` around it: dataclasses do that.
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
    """Returns how many objects a text of `value` may visit, or a number over `most` if that is many.

    It counts what the object holds, through containers and generated classes as often as a repr would show
    them, and through objects of the module of `value` once: such an object may show them or not. Long texts
    and numbers count by their length.
    """
    module = getattr(type(value), "__module__", None)
    total, known = 1, {id(value)}
    held = _shown(value, None, set()) if issubclass(type(value), BUILTIN_CONTAINERS) else _held(value)
    pending = list(islice(held, most))
    while pending and total <= most:
        each = pending.pop()
        total += 1 + _length(each) // _CHARACTERS_OF_A_NODE
        if type(each) not in _LEAVES:
            pending.extend(islice(_shown(each, module, known), max(most - total + 1, 0)))
    return total


def _length(value: Any) -> int:  # noqa: ANN401 - looked at by its type
    for measured in _MEASURED:
        if issubclass(type(value), measured):
            return measured.__len__(value)
    return int.bit_length(value) // _BITS_OF_A_CHARACTER if issubclass(type(value), int) else 0


def _shown(value: Any, module: object, known: set[int]) -> Iterable[object]:  # noqa: ANN401 - looked at by its type
    kind = type(value)
    if issubclass(kind, dict):
        return chain.from_iterable(list(dict.items(value)))
    for listed in BUILTIN_LISTS:
        if issubclass(kind, listed):
            return iter(listed.__iter__(value))
    fields = generated_fields(value, kind)
    if fields is not None:
        return (item for _, item in fields)
    own = getattr(kind, "__module__", None) == module or issubclass(kind, _WALKED)
    if not own or id(value) in known:
        return ()
    known.add(id(value))
    return _held(value)


def _held(value: object) -> Iterable[object]:
    kind = type(value)
    yield from list(_dict_of(value).values())
    if issubclass(kind, BaseException):
        yield from _arguments(value)
    for owner in kind.__mro__:
        for name, descriptor in list(vars(owner).items()):
            if type(descriptor) is MemberDescriptorType and name != "__dict__" and owner is not object:
                yield _slot(descriptor, value)


def _slot(descriptor: MemberDescriptorType, value: object) -> object:
    try:
        return descriptor.__get__(value)
    except AttributeError:  # nothing has been put in yet
        return None


def _dict_of(value: object) -> dict[str, object]:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if type(held) is dict else {}
