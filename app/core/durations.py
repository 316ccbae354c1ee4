"""Units of durations in settings, rules and queries: ``90s``, ``15m``, ``12h``, ``7d``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNITS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
"""Seconds of each unit."""
