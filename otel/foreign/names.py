"""Names of types and marks of what was cut: they run no code of the object that they name."""

from __future__ import annotations

from typing import Any, Final

CUT: Final = "…[cut]"
"""Ends a text, stands last in a list and is the key of a mapping's rest, where something was left out."""

CYCLE: Final = "…[cycle]"
"""Takes the place of a container inside itself."""

CUT_COUNT: Final = "telemetry.cut"
"""The attribute that counts the values that were left out of an item or shortened."""

LONGEST_NAME: Final = 200
_LONGEST_WORD: Final = 200

# The getters of `type` itself: a metaclass may answer the plain attribute with an error.
_qualified: Final[Any] = type.__dict__["__qualname__"].__get__
_module: Final[Any] = type.__dict__["__module__"].__get__


def type_name(kind: type) -> str:
    """Returns the qualified name of a class without its module, at most 200 characters."""
    name: str = _qualified(kind)
    return name if len(name) <= LONGEST_NAME else shortened(name, LONGEST_NAME)


def module_name(kind: type) -> str:
    """Returns the name of the module that a class says it is from, empty if it says none."""
    try:
        module = _module(kind)
    except AttributeError:  # a class may delete its module's name
        return ""
    return module[:LONGEST_NAME] if type(module) is str else ""


def full_type_name(kind: type) -> str:
    """Returns the name with the module, which builtins go without: `exception.type` of the conventions."""
    module = module_name(kind)
    return f"{module}.{type_name(kind)}" if module and module != "builtins" else type_name(kind)


def unprintable(kind: type) -> str:
    """Returns what takes the place of an object whose own text cannot be made."""
    return f"<unprintable {type_name(kind)}>"


def shortened(text: str, longest: int) -> str:
    """Returns `text`, or its start and the mark `…[cut]`, `longest` characters together.

    The cut is at white space where there is some: half a secret would not be recognised as one.
    """
    if len(text) <= longest:
        return text
    start = text[: max(longest - len(CUT), 0)]
    for place in range(len(start), max(len(start) - _LONGEST_WORD, 0), -1):
        if start[place - 1].isspace():
            return start[:place] + CUT
    return start + CUT
