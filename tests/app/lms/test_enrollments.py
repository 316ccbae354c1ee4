from __future__ import annotations

import asyncio

from app.lms.services import Services
from otel.testing import Captured
from tests.app.people import LESSON, RIGHT, Api
from tests.app.problems import assert_problem
from tests.app.seating import enroll, leave


async def test_lessons_are_for_learners_and_authors(api: Api) -> None:
    author, learner = await api.instructor(), await api.student()
    course = await api.course(author)
    assert_problem(await learner.get(f"/courses/{course}/lessons/spans"), 403, "not_enrolled")
    await enroll(learner, course)
    for reader in (author, learner):
        read = await reader.get(f"/courses/{course}/lessons/spans")
        assert read.json()["content"] == LESSON["content"]


async def test_a_lesson_counts_once(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    await enroll(learner, course)
    path = f"/courses/{course}/lessons/spans/completion"
    answers = await asyncio.gather(*(learner.put(path) for _ in range(5)))
    assert {answer.json()["percent"] for answer in answers} == {50}
    assert telemetry.value("lms.lesson.completions", {"outcome": "completed"}) == 1
    assert telemetry.value("lms.lesson.completions", {"outcome": "repeated"}) == 4
    assert_problem(await learner.put(path.replace("spans", "none")), 404, "lesson_not_found")


async def test_parallel_lessons_are_all_counted(api: Api) -> None:
    course = await api.course(await api.instructor(), lessons=[LESSON] * 8)
    learner = await api.student()
    await enroll(learner, course)
    lessons = ["spans", *(f"spans-{number}" for number in range(2, 9))]
    await asyncio.gather(*(learner.put(f"/courses/{course}/lessons/{each}/completion") for each in lessons))
    progress = (await learner.get(f"/courses/{course}/progress")).json()
    assert (progress["lessons_done"], progress["percent"]) == (lessons, 88)


async def test_the_last_step_completes_the_course_once(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor(), lessons=[LESSON] * 2, quizzes=[])
    learner = await api.student()
    await enroll(learner, course)
    await learner.put(f"/courses/{course}/lessons/spans/completion")
    path = f"/courses/{course}/lessons/spans-2/completion"
    answers = await asyncio.gather(*(learner.put(path) for _ in range(5)))
    assert len({answer.json()["certificate_id"] for answer in answers}) == 1
    assert telemetry.value("lms.course.completions") == 1
    assert telemetry.value("lms.certificates.issued") == 1
    (mine,) = (await learner.get("/enrollments")).json()
    assert (mine["state"], mine["certificate_id"]) == ("completed", answers[0].json()["certificate_id"])
    assert_problem(await leave(learner, course), 409, "enrollment_completed")
    assert (await enroll(learner, course)).status_code == 200


async def test_a_completed_course_stays_completed_when_it_grows(api: Api) -> None:
    author, learner = await api.instructor(), await api.student()
    course = await api.course(author, quizzes=[])
    await enroll(learner, course)
    await learner.put(f"/courses/{course}/lessons/spans/completion")
    await author.post(f"/courses/{course}/lessons", LESSON)
    progress = (await learner.get(f"/courses/{course}/progress")).json()
    assert (progress["state"], progress["percent"], progress["lessons_total"]) == ("completed", 100, 2)


async def test_a_crash_between_certificate_and_completion_is_repaired(
    api: Api, services: Services, telemetry: Captured
) -> None:
    course = await api.course(await api.instructor(), quizzes=[])
    learner = await api.student()
    await enroll(learner, course)
    certificate = await services.certificates.issue(learner.id, await services.courses.visible(course, None))
    done = await learner.put(f"/courses/{course}/lessons/spans/completion")
    assert done.json()["certificate_id"] == certificate
    assert telemetry.value("lms.certificates.issued") == 1


async def test_a_learner_who_never_enrolled_cannot_leave(api: Api) -> None:
    course = await api.course(await api.instructor())
    assert_problem(await leave(await api.student(), course), 403, "not_enrolled")


async def test_enrolments_are_ones_own(api: Api) -> None:
    author, first, second = await api.instructor(), await api.student(), await api.student()
    courses = [await api.course(author) for _ in range(2)]
    for course in courses:
        await enroll(first, course)
    await enroll(second, courses[0])
    assert [each["course_id"] for each in (await first.get("/enrollments")).json()] == courses
    assert [each["course_id"] for each in (await second.get("/enrollments")).json()] == courses[:1]


async def test_an_enrolment_moves_its_metric_and_no_other(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    before = lms_metrics(telemetry)
    await enroll(learner, course)
    after = lms_metrics(telemetry)
    moved = {name for name in after if after[name] != before.get(name)}
    assert moved == {
        "lms.cohort.learners",
        "lms.enrollments",
        "lms.funnel.learners",
        "lms.token.revocation_checks",
    }


def lms_metrics(telemetry: Captured) -> dict[str, float]:
    # What happens with every request and in the background says nothing about learning.
    beside = ("lms.users.active", "lms.rate_limit.", "lms.health.")
    names = [name for name in telemetry.metrics if name.startswith("lms.") and not name.startswith(beside)]
    return {name: telemetry.value(name) for name in names}


async def test_a_quiz_is_part_of_the_progress(api: Api) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    await enroll(learner, course)
    await learner.post(f"/courses/{course}/quizzes/final/submissions", {"answers": RIGHT})
    progress = (await learner.get(f"/courses/{course}/progress")).json()
    assert (progress["quizzes_passed"], progress["percent"], progress["state"]) == (["final"], 50, "active")
