"""The funnel: who took which step for the first time, in all and by the week of their registration."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.telemetry import COHORTS, FUNNEL

_STEPS: Final = ("registered", "enrolled", "completed")
_WEEKS: Final = 8


def took(step: str, registered: datetime) -> None:
    """Counts a learner's first time at a step."""
    FUNNEL.add(1, {"step": step})
    COHORTS.add(1, {"step": step, "cohort": _cohort(registered)})


def expect(now: datetime) -> None:
    """Counts 0 for every step of the next cohort, this one and those of the weeks before.

    Prometheus takes a series' first value as its beginning: of one that begins with 1, that 1 is lost.
    """
    for weeks in range(-1, _WEEKS):
        for step in _STEPS:
            COHORTS.add(0, {"step": step, "cohort": _cohort(now - timedelta(weeks=weeks))})


def _cohort(registered: datetime) -> str:
    """Returns the week in ISO 8601's form, as ``2026-W48``: it sorts by time."""
    return f"{registered:%G-W%V}"
