"""Says what a setting must be: the one place where pydantic's errors become sentences for an operator."""

from __future__ import annotations

from typing import Final, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_NUMBERS: Final = ("int_", "float_", "finite_number", "greater_than", "less_than")
_BOUNDS: Final = {"ge": "from", "gt": "above", "le": "to"}


def reason(mistake: ErrorDetails, field: FieldInfo | None) -> str:
    """Returns what the value must be, without a full stop: `must be a whole number from 1 to 65535`."""
    kind, context = mistake["type"], mistake.get("ctx", {})
    if field is not None and kind.startswith(_NUMBERS):
        return f"must be {_numbers(field)}"
    if kind == "literal_error":
        return f"must be one of {context['expected'].replace(' or ', ', ').replace(chr(39), '')}"
    if kind.startswith("bool_"):
        return "must be on or off, or true or false"
    if kind in {"too_short", "string_too_short"}:
        return f"must have at least {context['min_length']} characters"
    # A validator's own text, or a rare error of pydantic's.
    return mistake["msg"].removeprefix("Value error, ").removesuffix(".")


def _numbers(field: FieldInfo) -> str:
    """Returns the numbers that a field accepts: `a whole number from 1 to 64`, `a number above 0 to 60`."""
    whole = field.annotation is int or int in get_args(field.annotation)
    bounds = {name: getattr(each, name) for each in field.metadata for name in _BOUNDS if hasattr(each, name)}
    parts = ["a whole number" if whole else "a number"]
    parts += [f"{_BOUNDS[name]} {bounds[name]:.15g}" for name in _BOUNDS if name in bounds]
    return " ".join(parts)
