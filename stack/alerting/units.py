"""Units of thresholds: which values each accepts, and how people read them."""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {
    "ratio": (0.0, 1.0),
    "factor": (0.0, 1e6),
    "seconds": (0.0, 1e9),
    "hours": (0.0, 1e6),
    "days": (0.0, 1e5),
    "bytes": (0.0, 1e18),
    "count": (0.0, 1e15),
    "per_second": (0.0, 1e9),
    "per_minute": (0.0, 1e9),
    "duration": (0.0, 0.0),
}
"""The least and greatest value of each unit; a duration is text, such as ``15m``."""
_DURATION: Final = re.compile(r"(?=[1-9])(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
_PERCENT: Final = 100
_BYTES: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_AFTER: Final = {
    "hours": " hours",
    "days": " days",
    "per_second": "/s",
    "per_minute": "/min",
    "factor": " times",
}


def mistake(value: object, unit: str) -> str:
    """Returns what is wrong with a value of this unit, or nothing."""
    if unit == "duration":
        valid = isinstance(value, str) and value and _DURATION.fullmatch(value)
        return "" if valid else f"{value!r} is no duration: write it as 30s, 15m or 1h30m."
    least, most = UNITS[unit]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is no number."
    if not least <= value <= most:
        return f"{value:g} is not a value of {unit}: it is from {least:g} to {most:g}."
    return ""


def as_number(value: float | str) -> str:
    """Returns a value as PromQL and YAML read it, without an exponent."""
    if isinstance(value, str):
        return value
    return f"{value:.12f}".rstrip("0").rstrip(".")


def as_text(value: float | str, unit: str) -> str:
    """Returns a value as people read it: ``85 %``, ``500 ms``, ``2 GiB``."""
    if isinstance(value, str):
        return value
    if unit == "ratio":
        return f"{as_number(round(value * _PERCENT, 6))} %"
    if unit == "seconds":
        return f"{as_number(value * 1000)} ms" if 0 < value < 1 else f"{as_number(value)} s"
    if unit == "bytes":
        name, size = next(((name, size) for name, size in _BYTES if value >= size), ("B", 1))
        return f"{as_number(round(value / size, 1))} {name}"
    return as_number(value) + _AFTER.get(unit, "")
