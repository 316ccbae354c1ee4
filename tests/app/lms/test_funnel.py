"""The funnel: each learner is counted once per step, whatever they repeat."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.lms.services import Services
from app.lms.users.repository import UserRepository
from app.lms.users.schemas import Step
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import RIGHT, Api, Person
from tests.app.seating import enroll


def funnel(telemetry: Captured) -> tuple[float, float, float]:
    def reached(step: str) -> float:
        return telemetry.value("lms.funnel.learners", {"step": step})

    return reached("registered"), reached("enrolled"), reached("completed")


async def complete(learner: Person, course: str) -> None:
    await learner.put(f"/courses/{course}/lessons/spans/completion")
    await learner.post(f"/courses/{course}/quizzes/final/submissions", {"answers": RIGHT})


async def test_each_learner_counts_once_per_step(api: Api, telemetry: Captured) -> None:
    author = await api.instructor()
    courses = [await api.course(author), await api.course(author)]
    registered, *_ = funnel(telemetry)
    browsing, studying, completing = [await api.student() for _ in range(3)]
    assert browsing.id
    for course in courses:
        await enroll(studying, course)
        await enroll(completing, course)
        await enroll(completing, course)
        await complete(completing, course)

    assert funnel(telemetry) == (registered + 3, 2, 1)
    assert telemetry.value("lms.enrollments", {"outcome": "created"}) == 4


def cohort(telemetry: Captured, week: str) -> list[float]:
    steps = ("registered", "enrolled", "completed")
    return [telemetry.value("lms.cohort.learners", {"step": step, "cohort": week}) for step in steps]


async def test_a_step_belongs_to_the_week_of_the_registration(
    api: Api, clock: FixedClock, telemetry: Captured
) -> None:
    course = await api.course(await api.instructor())
    enrolled, hesitating = [await api.student() for _ in range(2)]
    await enroll(enrolled, course)
    registered, *_ = cohort(telemetry, "2026-W02")
    clock.advance(timedelta(days=7))
    late = await api.student()
    await enroll(late, course)
    await complete(late, course)
    await enroll(await api.login(hesitating.email), course)

    assert cohort(telemetry, "2026-W02") == [registered, 2, 0]
    assert cohort(telemetry, "2026-W03") == [1, 1, 1]


async def test_the_steps_of_recent_cohorts_and_of_the_next_begin_with_0(api: Api, settings: Settings) -> None:
    """Prometheus sees no increase in a series that begins with 1."""
    token = settings.metrics_token.get_secret_value()
    answer = await api.client.get("/monitoring/metrics", headers={"Authorization": f"Bearer {token}"})
    found = re.findall(r'^lms_cohort_learners_total\{.*cohort="([^"]+)".*\} (\S+)', answer.text, re.MULTILINE)
    *weeks, older = sorted({week for week, _ in found})
    assert (weeks[0], weeks[-1], len(weeks), older) == ("2025-W47", "2026-W03", 9, "older")
    assert [float(value) for _, value in found] == [0] * 30


async def test_a_week_is_counted_as_older_after_eight_and_ends_a_week_later(
    api: Api, clock: FixedClock, telemetry: Captured
) -> None:
    course = await api.course(await api.instructor())
    early, late = [await api.student() for _ in range(2)]
    registered, *_ = cohort(telemetry, "2026-W02")
    clock.advance(timedelta(weeks=7))
    await enroll(await api.login(early.email), course)
    assert cohort(telemetry, "2026-W02") == [registered, 1, 0]
    clock.advance(timedelta(weeks=1))
    await enroll(await api.login(late.email), course)
    assert cohort(telemetry, "2026-W02") == [registered, 1, 0]
    assert cohort(telemetry, "older") == [0, 1, 0]
    clock.advance(timedelta(weeks=1))
    await api.student()
    assert cohort(telemetry, "2026-W02") == [0, 0, 0]


class LostSteps(UserRepository):
    """The database goes away between the enrolment and the note about its learner."""

    def __init__(self) -> None:
        """Needs no database: it never answers."""

    async def mark_step(self, user_id: str, step: Step, now: datetime) -> bool:  # noqa: ARG002 - the base's
        raise DatabaseUnavailable


async def test_an_enrolment_does_not_fail_because_its_step_was_not_counted(
    api: Api, services: Services, telemetry: Captured
) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    services.users._repository, kept = LostSteps(), services.users._repository
    answer = await enroll(learner, course)
    services.users._repository = kept

    assert answer.status_code == 201
    assert funnel(telemetry)[1] == 0
    assert "step_not_counted" in [record.body for record in telemetry.logs]
