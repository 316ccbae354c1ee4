"""The funnel: each learner is counted once per step, whatever they repeat."""

from __future__ import annotations

from datetime import datetime

from app.core.errors import DatabaseUnavailable
from app.lms.services import Services
from app.lms.users.repository import UserRepository
from app.lms.users.schemas import Step
from otel.testing import Captured
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
