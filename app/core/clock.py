"""Time as an input: services read a clock, tests pass a fixed one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Returns the time in UTC, in whole milliseconds: the database's resolution."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Returns the time in UTC, in whole milliseconds."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
