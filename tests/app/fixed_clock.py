"""A clock that moves only when it is advanced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FixedClock:
    """Returns the same time until `advance`."""

    def __init__(self, moment: str = "2026-01-05T09:00:00+00:00") -> None:
        self._now = datetime.fromisoformat(moment).astimezone(UTC)

    def now(self) -> datetime:
        """Returns the time that was set."""
        return self._now

    def advance(self, duration: timedelta) -> None:
        """Lets `duration` pass."""
        self._now += duration
