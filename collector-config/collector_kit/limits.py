"""Durations, sizes and the relations between them, as configuration files write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_DEFAULT: Final = re.compile(r"\$\{(?:env:)?(?P<name>[A-Z0-9_]+)(?::-(?P<default>[^}]*))?\}")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE: Final = re.compile(r"(\d+)\s*([KMG]?)i?B?")
_BYTES: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


class WindowsError(Exception):
    """A file contains an invalid duration or size; the message names it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One relation that must hold: ``smaller <= larger``, both in the same unit (seconds or bytes)."""

    smaller: float
    larger: float
    text: str

    def holds(self) -> bool:
        """Returns whether the relation is true."""
        return self.smaller <= self.larger


def seconds(text: object) -> float:
    """Returns a duration such as ``6h``, ``1h30m`` or ``0s`` in seconds.

    Raises:
        WindowsError: not a duration.
    """
    parts = _DURATION.findall(str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text):
        raise WindowsError(f"{text!r} is not a duration: write it like 6h or 90m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size(text: object) -> int:
    """Returns a size such as ``1048576`` or ``256KB`` (1 KB is 1024 bytes) in bytes.

    Raises:
        WindowsError: not a size.
    """
    match = _SIZE.fullmatch(str(text))
    if match is None:
        raise WindowsError(f"{text!r} is not a size: write it like 1048576 or 256KB")
    return int(match[1]) * _BYTES[match[2]]


def load(path: Path, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML has any shape
    """Returns a YAML file with ``${X:-default}`` and ``${env:X:-default}`` replaced."""
    text = _DEFAULT.sub(lambda match: environ.get(match["name"]) or match["default"] or "", path.read_text())
    return yaml.safe_load(text)
