"""Weeks and months, as a school counts them: in its own time zone, weeks from Monday (ISO 8601)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo


class Cadence(StrEnum):
    """How often a report is sent."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Period:
    """A week or a month, from its first day's midnight to that of the day after its last."""

    cadence: Cadence
    first: date
    zone: ZoneInfo

    @classmethod
    def of(cls, cadence: Cadence, day: date, zone: ZoneInfo) -> Self:
        """Returns the period in which a day is."""
        first = day - timedelta(days=day.weekday()) if cadence is Cadence.WEEKLY else day.replace(day=1)
        return cls(cadence, first, zone)

    @property
    def after(self) -> date:
        """The day after its last."""
        if self.cadence is Cadence.WEEKLY:
            return self.first + timedelta(days=7)
        return (self.first + timedelta(days=31)).replace(day=1)

    @property
    def last(self) -> date:
        """Its last day."""
        return self.after - timedelta(days=1)

    @property
    def begin(self) -> datetime:
        """When it begins, in UTC."""
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """When it ends, in UTC."""
        return datetime.combine(self.after, time(), self.zone).astimezone(UTC)

    @property
    def length(self) -> timedelta:
        """How long it is; a clock change makes a week an hour shorter or longer."""
        return self.end - self.begin

    @property
    def name(self) -> str:
        """``2026-W48`` or ``2026-11``."""
        if self.cadence is Cadence.WEEKLY:
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02d}"
        return f"{self.first:%Y-%m}"

    @property
    def previous(self) -> Period:
        """The period before it."""
        return Period.of(self.cadence, self.first - timedelta(days=1), self.zone)


def last_period(cadence: Cadence, now: datetime, zone: ZoneInfo, hour: int = 0) -> Period:
    """Returns the latest period whose report is due: at ``hour`` o'clock of the day after its last."""
    due = now.astimezone(zone) - timedelta(hours=hour)
    return Period.of(cadence, due.date(), zone).previous
