"""The funnel: who took which step for the first time, in all and by the week of their registration."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.telemetry import COHORTS, FUNNEL, OLDER_COHORTS

_STEPS: Final = ("registered", "enrolled", "completed")
_WEEKS: Final = 8


def took(step: str, registered: datetime, now: datetime) -> None:
    """Counts a learner's first time at a step."""
    recent = follow(now)
    cohort = _week(registered)
    FUNNEL.add(1, {"step": step})
    COHORTS.add(1, {"step": step, "cohort": cohort if cohort in recent else OLDER_COHORTS})


def follow(now: datetime) -> frozenset[str]:
    """Begins the cohorts that are counted, at 0, and ends those that no longer are; returns the former.

    Prometheus takes a series' first value as its beginning: of one that begins with 1, that 1 is lost. So the
    next week begins early. The week that has just become too old stays, so that its last counts are exported.
    """
    recent = frozenset(_week(now - timedelta(weeks=weeks)) for weeks in range(-1, _WEEKS))
    kept = {*recent, _week(now - timedelta(weeks=_WEEKS)), OLDER_COHORTS}
    COHORTS.retain(lambda labels: labels.get("cohort") in kept)
    for cohort in (*recent, OLDER_COHORTS):
        for step in _STEPS:
            COHORTS.add(0, {"step": step, "cohort": cohort})
    return recent


def _week(moment: datetime) -> str:
    """Returns the week in ISO 8601's form, as ``2026-W48``: it sorts by time."""
    return f"{moment:%G-W%V}"
