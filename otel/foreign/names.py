"""Names types and marks cuts, without running code of the object in question."""

from __future__ import annotations

from typing import Any, Final

CUT: Final = "…[cut]"
"""Marks an omission: ends a text, is the last item of a list, and the key of a mapping's remainder."""

CYCLE: Final = "…[cycle]"
"""Replaces a container inside itself."""

CUT_COUNT: Final = "telemetry.cut"
"""The attribute that counts the values of an item that were left out or shortened."""

LONGEST_NAME: Final = 200
_LONGEST_WORD: Final = 200

# The getters of `type` itself: a metaclass may raise when asked for the plain attribute.
_qualified: Final[Any] = type.__dict__["__qualname__"].__get__
_module: Final[Any] = type.__dict__["__module__"].__get__


def type_name(kind: type) -> str:
    """Returns the qualified name of a class without its module, at most 200 characters."""
    name: str = _qualified(kind)
    return name if len(name) <= LONGEST_NAME else shortened(name, LONGEST_NAME)


def module_name(kind: type) -> str:
    """Returns the module name that a class states, or an empty one if it states none."""
    try:
        module = _module(kind)
    except AttributeError:  # a class may delete its module's name
        return ""
    return module[:LONGEST_NAME] if type(module) is str else ""


def full_type_name(kind: type) -> str:
    """Returns the class name with its module, except for builtins: `exception.type` of the conventions."""
    module = module_name(kind)
    return f"{module}.{type_name(kind)}" if module and module != "builtins" else type_name(kind)


def unprintable(kind: type) -> str:
    """Returns the replacement for an object whose `str` fails."""
    return f"<unprintable {type_name(kind)}>"


def shortened(text: str, longest: int) -> str:
    """Returns `text`, or its start followed by `…[cut]`, at most `longest` characters in all.

    It cuts at white space if there is any nearby: redaction would not recognise half a secret.
    """
    if len(text) <= longest:
        return text
    start = text[: max(longest - len(CUT), 0)]
    for place in range(len(start), max(len(start) - _LONGEST_WORD, 0), -1):
        if start[place - 1].isspace():
            return start[:place] + CUT
    return start + CUT


def is_scalar(value: object) -> bool:
    """Tells whether the value is a str, int, float, bool or None, and not of a subclass.

    A set of types would not do: a metaclass may refuse to be hashed.
    """
    kind = type(value)
    return kind is str or kind is int or kind is float or kind is bool or value is None
