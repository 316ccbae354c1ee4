"""What is in a report. A part that could not be had is a gap with its reason, never a zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from app.monitoring.report.period import Period

PAGE = "page"
NOISIEST = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """A part that is missing, with the reason as a sentence; ``may_come`` if its source did not answer."""

    reason: str
    may_come: bool = False


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective in the period; shares are from 0 to 1.

    ``good`` is the share of events that were good, None without any event. ``target`` is what it should be.
    """

    name: str
    target: float
    good: float | None

    @property
    def budget_left(self) -> float | None:
        """The share of the period's error budget that is left; negative if more was spent."""
        if self.good is None or self.target >= 1:
            return None
        return 1 - (1 - self.good) / (1 - self.target)

    @property
    def is_met(self) -> bool:
        """Whether the target was reached; without events it was not missed."""
        return self.good is None or self.good >= self.target


@dataclass(frozen=True, slots=True)
class Incident:
    """An alert that fired in the period; times are None while it has not come to that."""

    alert: str
    severity: str
    service: str
    started_at: datetime
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    escalated: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Noise:
    """How often an alert fired, and how often somebody acknowledged it."""

    alert: str
    fired: int
    acknowledged: int


@dataclass(frozen=True, slots=True)
class Alerts:
    """The alerts of the period; if there are too many, the newest, and ``is_complete`` is false."""

    all: tuple[Incident, ...]
    is_complete: bool = True

    @property
    def pages(self) -> tuple[Incident, ...]:
        """Those that called somebody, in the order of time."""
        return tuple(sorted((each for each in self.all if each.severity == PAGE), key=_start))

    @property
    def time_to_acknowledge(self) -> timedelta | None:
        """The mean of the pages that were acknowledged (MTTA); None if none was."""
        return _mean(page.acknowledged_at - page.started_at for page in self.pages if page.acknowledged_at)

    @property
    def time_to_resolve(self) -> timedelta | None:
        """The mean of the pages that ended (MTTR); None if none did."""
        return _mean(page.resolved_at - page.started_at for page in self.pages if page.resolved_at)

    @property
    def unacknowledged(self) -> int:
        """How many pages nobody acknowledged."""
        return sum(page.acknowledged_at is None for page in self.pages)

    @property
    def noisiest(self) -> list[Noise]:
        """The alerts that fired most often, at most ten."""
        fired = Counter(each.alert for each in self.all)
        seen = Counter(each.alert for each in self.all if each.acknowledged_at)
        ranked = sorted(fired.items(), key=lambda each: (-each[1], each[0]))
        return [Noise(alert, count, seen[alert]) for alert, count in ranked[:NOISIEST]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A business figure and what it was in the period before, if that is known."""

    name: str
    value: float | None
    before: float | None
    is_share: bool = False

    @property
    def change(self) -> float | None:
        """By which share it grew; None if there is nothing to compare with."""
        if self.value is None or not self.before:
            return None
        return self.value / self.before - 1


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a period.

    ``notes`` are sentences about what its figures lack, ``unanswered`` the reasons of gaps that may yet be
    filled.
    """

    period: Period
    objectives: Sequence[Objective] | Gap
    alerts: Alerts | Gap
    figures: Sequence[Figure] | Gap
    notes: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The subject of its mail: the outcome in one line."""
        parts = [] if isinstance(self.alerts, Gap) else [_counted(len(self.alerts.pages), "page")]
        if not isinstance(self.objectives, Gap):
            missed = sum(not each.is_met for each in self.objectives)
            parts.append(f"{_counted(missed, 'objective')} missed" if missed else "all objectives met")
        kind = f"{self.period.cadence.capitalize()} report {self.period.name}"
        return f"{kind}: {', '.join(parts) or 'incomplete'}"


def _start(incident: Incident) -> datetime:
    return incident.started_at


def _mean(spans: Iterable[timedelta]) -> timedelta | None:
    seconds = [max(span.total_seconds(), 0) for span in spans]
    return timedelta(seconds=fmean(seconds)) if seconds else None


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
