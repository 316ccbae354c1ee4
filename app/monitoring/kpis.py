"""Business figures: how many people registered, signed in, enrolled, finished and passed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field

from app.monitoring.figures import Figures, Scope

REGISTRATIONS: Final = "lms_registrations_total"
LOGINS: Final = "lms_logins_total"
ENROLLMENTS: Final = "lms_enrollments_total"
COMPLETIONS: Final = "lms_course_completions_total"
ATTEMPTS: Final = "lms_quiz_attempts_total"
CERTIFICATES: Final = "lms_certificates_issued_total"
FUNNEL: Final = "lms_funnel_learners_total"
ACTIVE: Final = "lms_users_active"
STEPS: Final = ("registered", "enrolled", "completed")
KPI_METRICS: Final = (
    REGISTRATIONS,
    LOGINS,
    ENROLLMENTS,
    COMPLETIONS,
    ATTEMPTS,
    CERTIFICATES,
    FUNNEL,
    ACTIVE,
)


class FunnelStep(BaseModel):
    """How many learners took a step for the first time within the period."""

    step: str = Field(examples=["enrolled"])
    learners: float = Field(examples=[48])
    of_previous: float | None = Field(
        description="Share of those who took the step before in the same period; above 1 if earlier ones "
        "caught up. Null for the first step, or if nobody took the one before.",
        examples=[0.8],
    )
    of_first: float | None = Field(description="The same, of those who registered.", examples=[0.8])


class Kpis(BaseModel):
    """Business figures of one scope and period."""

    scope: Scope = Field(
        description="platform: all processes, from Prometheus; process: the one that answered, by itself."
    )
    seconds: float = Field(description="Length of the period, which ends now.", examples=[86400])
    registrations: dict[str, float] = Field(
        description="By outcome.", examples=[{"created": 60, "email_taken": 2}]
    )
    logins: dict[str, float] = Field(
        description="By outcome.", examples=[{"success": 410, "unknown_user": 3, "wrong_password": 12}]
    )
    enrollments: dict[str, float] = Field(
        description="By outcome.", examples=[{"created": 51, "repeated": 1, "full": 4, "closed": 0}]
    )
    course_completions: float = Field(examples=[17])
    certificates_issued: float = Field(examples=[17])
    quiz_attempts: dict[str, float] = Field(
        description="By outcome.", examples=[{"passed": 80, "failed": 20, "repeated": 1, "exhausted": 0}]
    )
    pass_rate: float | None = Field(
        description="Share of graded attempts that passed; null without any.", examples=[0.8]
    )
    active_users: dict[str, float] = Field(
        description="Distinct users of the whole platform by window, in either scope; empty without Redis.",
        examples=[{"5m": 7, "1h": 31, "24h": 118}],
    )
    funnel: list[FunnelStep]

    @property
    def is_known(self) -> bool:
        """Whether the source has any of these figures."""
        by_label = (self.registrations, self.logins, self.enrollments, self.quiz_attempts, self.active_users)
        counts = (self.course_completions, self.certificates_issued, *(each.learners for each in self.funnel))
        return any(by_label) or any(counts)


async def kpis_of(figures: Figures) -> Kpis:
    """Returns the business figures of one source.

    Raises:
        StoreUnavailable: The source does not answer.
    """
    registrations, logins, enrollments, attempts, steps = await asyncio.gather(
        *(
            _by(figures, name, label)
            for name, label in (
                (REGISTRATIONS, "outcome"),
                (LOGINS, "outcome"),
                (ENROLLMENTS, "outcome"),
                (ATTEMPTS, "outcome"),
                (FUNNEL, "step"),
            )
        )
    )
    completions, certificates, active = await asyncio.gather(
        figures.increases(COMPLETIONS, ()),
        figures.increases(CERTIFICATES, ()),
        figures.levels(ACTIVE, ("window",), how="max"),
    )
    graded = attempts.get("passed", 0) + attempts.get("failed", 0)
    return Kpis(
        scope=figures.scope,
        seconds=round(figures.seconds, 1),
        registrations=registrations,
        logins=logins,
        enrollments=enrollments,
        course_completions=_rounded(completions.get((), 0)),
        certificates_issued=_rounded(certificates.get((), 0)),
        quiz_attempts=attempts,
        pass_rate=_share(attempts.get("passed", 0), graded),
        active_users={window: value for (window,), value in sorted(active.items())},
        funnel=_funnel(steps),
    )


async def _by(figures: Figures, name: str, label: str) -> dict[str, float]:
    found = await figures.increases(name, (label,))
    return {value: _rounded(count) for (value,), count in sorted(found.items())}


def _funnel(learners: Mapping[str, float]) -> list[FunnelStep]:
    counts = [learners.get(step, 0) for step in STEPS]
    return [
        FunnelStep(
            step=step,
            learners=count,
            of_previous=None if place == 0 else _share(count, counts[place - 1]),
            of_first=_share(count, counts[0]),
        )
        for place, (step, count) in enumerate(zip(STEPS, counts, strict=True))
    ]


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole > 0 else None


def _rounded(value: float) -> float:
    """Returns a count; Prometheus extrapolates to the ends of the window, so its increases have fractions."""
    return round(value, 1)
