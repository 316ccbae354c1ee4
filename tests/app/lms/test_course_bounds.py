"""The limits of a course and of the catalogue, enforced where something is added."""

from __future__ import annotations

import asyncio

from app.lms.courses.records import MAX_LESSONS, MAX_QUIZZES
from app.lms.courses.service import MAX_LISTED
from app.lms.services import Services
from otel.testing import Captured
from tests.app.people import LESSON, QUIZ, Api
from tests.app.problems import assert_problem


async def test_a_course_of_the_most_lessons_takes_no_further_one(api: Api, services: Services) -> None:
    author = await api.instructor()
    course = await api.course(author, lessons=[LESSON] * MAX_LESSONS)
    answer = await author.post(f"/courses/{course}/lessons", LESSON)
    assert_problem(answer, 409, "too_many_lessons")
    assert len(await services.courses._repository._lessons.find({})) == MAX_LESSONS
    order = [lesson["id"] for lesson in (await author.get(f"/courses/{course}")).json()["lessons"]]
    answer = await author.put(f"/courses/{course}/lesson-order", {"lesson_ids": order[::-1]})
    assert answer.status_code == 200


async def test_a_course_of_the_most_quizzes_takes_no_further_one(api: Api, services: Services) -> None:
    author = await api.instructor()
    course = await api.course(author, quizzes=[QUIZ] * MAX_QUIZZES)
    assert_problem(await author.post(f"/courses/{course}/quizzes", QUIZ), 409, "too_many_quizzes")
    assert len(await services.courses._repository._quizzes.find({})) == MAX_QUIZZES


async def test_of_concurrent_additions_of_the_last_lesson_one_succeeds(api: Api, services: Services) -> None:
    author = await api.instructor()
    course = await api.course(author, lessons=[LESSON] * (MAX_LESSONS - 1))
    answers = await asyncio.gather(*(author.post(f"/courses/{course}/lessons", LESSON) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len(await services.courses._repository._lessons.find({})) == MAX_LESSONS


async def test_many_lessons_of_one_title_take_few_commands(api: Api, telemetry: Captured) -> None:
    author = await api.instructor()
    before = len(telemetry.spans)
    await api.course(author, lessons=[LESSON] * MAX_LESSONS, quizzes=[], published=False)
    commands = [span for span in telemetry.spans[before:] if "db.operation.name" in span.attributes]
    assert 0 < len(commands) < 10


async def test_a_full_catalogue_lists_no_further_course(api: Api, services: Services) -> None:
    author = await api.instructor()
    listed, course = await api.course(author), await api.course(author, published=False)
    others = {f"courses.made-up-{number}": True for number in range(MAX_LISTED - 1)}
    catalogue = services.courses._repository._catalogue
    assert await catalogue.update({"_id": "published"}, {"$set": others})
    assert_problem(await author.post(f"/courses/{course}/publish"), 409, "catalogue_full")
    assert (await author.post(f"/courses/{listed}/publish")).status_code == 200
