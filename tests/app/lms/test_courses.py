from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.core.clock import SystemClock
from app.core.security import Principal, Role
from app.infra.mongo import Database
from app.infra.redis import RedisClient
from app.lms.courses.catalogue import Catalogue
from app.lms.courses.contents import Contents
from app.lms.courses.records import Course
from app.lms.courses.repository import CourseRepository
from app.lms.courses.schemas import CourseChange, CourseIn
from app.lms.courses.service import CourseService
from app.lms.refusals import CourseChanged
from app.lms.services import Services
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import LESSON, QUIZ, Api
from tests.app.problems import assert_problem


async def test_a_course_starts_as_a_draft_that_only_its_authors_see(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, title="Tracing basics", published=False)
    assert course == "tracing-basics"
    assert (await author.get(f"/courses/{course}")).json()["state"] == "draft"
    assert (await (await api.admin()).get(f"/courses/{course}")).status_code == 200
    assert_problem(await api.client.get(f"/courses/{course}"), 404, "course_not_found")
    assert (await api.client.get("/courses")).json()["items"] == []


async def test_anyone_sees_a_published_course(api: Api, telemetry: Captured) -> None:
    author = await api.instructor()
    course = await api.course(author)
    seen = (await api.client.get(f"/courses/{course}")).json()
    assert seen["lessons"] == [{"id": "spans", "title": "Spans", "minutes": 15}]
    assert seen["quizzes"] == [{"id": "final", "title": "Final", "pass_score": 1.0, "max_attempts": 3}]
    assert "correct" not in str(seen)
    assert telemetry.value("lms.courses.published") == 1


async def test_publishing_again_changes_nothing(api: Api, telemetry: Captured, clock: FixedClock) -> None:
    author = await api.instructor()
    course = await api.course(author)
    published_at = (await author.get(f"/courses/{course}")).json()["published_at"]
    clock.advance(timedelta(minutes=1))
    again = await author.post(f"/courses/{course}/publish")
    assert again.json()["published_at"] == published_at
    assert telemetry.value("lms.courses.published") == 1


async def test_an_edit_changes_what_is_given(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, title="Tracing", description="Old")
    edited = (await author.send("PATCH", f"/courses/{course}", {"description": "New"})).json()
    assert (edited["title"], edited["description"]) == ("Tracing", "New")


async def test_lessons_are_added_placed_replaced_and_ordered(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, lessons=[], published=False)
    for title, position in (("Logs", None), ("Traces", 1), ("Logs", 2)):
        lesson = {**LESSON, "title": title, "position": position}
        answer = await author.post(f"/courses/{course}/lessons", lesson)
        assert answer.status_code == 201
    assert [lesson["id"] for lesson in answer.json()["lessons"]] == ["traces", "logs-2", "logs"]

    order = {"lesson_ids": ["logs", "traces", "logs-2"]}
    ordered = await author.put(f"/courses/{course}/lesson-order", order)
    assert [lesson["id"] for lesson in ordered.json()["lessons"]] == order["lesson_ids"]

    await author.put(f"/courses/{course}/lessons/logs", {"title": "Records", "content": "New", "minutes": 5})
    read = (await author.get(f"/courses/{course}/lessons/logs")).json()
    assert (read["title"], read["content"], read["minutes"]) == ("Records", "New", 5)


async def test_an_unknown_lesson_is_not_replaced(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author)
    assert_problem(await author.put(f"/courses/{course}/lessons/none", LESSON), 404, "lesson_not_found")


async def test_a_quiz_is_shown_without_its_answers(api: Api) -> None:
    author, learner = await api.instructor(), await api.student()
    course = await api.course(author, quizzes=[])
    added = await author.post(f"/courses/{course}/quizzes", QUIZ)
    assert [quiz["id"] for quiz in added.json()["quizzes"]] == ["final"]
    shown = await learner.get(f"/courses/{course}/quizzes/final")
    assert [question["id"] for question in shown.json()["questions"]] == ["q1", "q2"]
    assert "correct" not in shown.text


async def test_an_answer_outside_of_the_choices_is_refused(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author)
    question = {"text": "?", "choices": ["a", "b"], "correct": 2}
    answer = await author.post(f"/courses/{course}/quizzes", {**QUIZ, "questions": [question]})
    assert_problem(answer, 422, "validation_failed", "body.questions.0")


async def test_of_concurrent_courses_with_one_name_one_is_created(api: Api) -> None:
    author = await api.instructor()
    body = {"title": "Tracing", "description": "", "capacity": 5, "lessons": [LESSON]}
    answers = await asyncio.gather(*(author.post("/courses", body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert len((await author.get("/courses/tracing")).json()["lessons"]) == 1


async def test_parallel_edits_lose_nothing(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, lessons=[], published=False)
    answers = await asyncio.gather(*(author.post(f"/courses/{course}/lessons", LESSON) for _ in range(4)))
    added = [answer for answer in answers if answer.status_code == 201]
    lessons = (await author.get(f"/courses/{course}")).json()["lessons"]
    assert len(lessons) == len({lesson["id"] for lesson in lessons}) == len(added) >= 1


class FasterRival(CourseRepository):
    """Another author's edit always comes first."""

    async def replace(self, course: Course) -> bool:
        latest = await self.find(course.id)
        assert latest is not None
        assert await super().replace(latest.model_copy(update={"description": "The rival's"}))
        return await super().replace(course)


async def test_an_author_who_is_always_overtaken_gets_a_conflict(
    empty_mongodb_url: str, empty_redis_url: str
) -> None:
    database, redis = Database(empty_mongodb_url, seconds=20), RedisClient(empty_redis_url, seconds=10)
    clock = SystemClock()
    author = Principal(id="usr_1", role=Role.INSTRUCTOR, role_version=0, family="fam_1")

    def service(repository: CourseRepository) -> CourseService:
        catalogue = Catalogue(repository, redis, timedelta(minutes=1), clock)
        return CourseService(repository, Contents(repository), catalogue, clock)

    new = CourseIn(title="Tracing", description="Mine", capacity=5)
    await service(CourseRepository(database)).create(author, new)
    with pytest.raises(CourseChanged):
        await service(FasterRival(database)).update("tracing", author, CourseChange(title="Later"))
    stored = await service(CourseRepository(database)).visible("tracing", author)
    assert (stored.title, stored.description) == ("Tracing", "The rival's")
    database.close()
    await redis.close()


async def test_contents_from_before_documents_had_their_own_identifiers_are_found(
    api: Api, services: Services
) -> None:
    author = await api.instructor()
    course = await api.course(author)
    repository = services.courses._repository
    stored = await repository._courses.find_one({"_id": course})
    assert stored is not None
    for kind, collection in (("lessons", repository._lessons), ("quizzes", repository._quizzes)):
        (outline,) = stored[kind]
        content = await collection.find_one({"_id": outline.pop("document")})
        assert content is not None
        await collection.insert({**content, "_id": f"{course}:{outline['id']}"})
    earlier = {"lessons": stored["lessons"], "quizzes": stored["quizzes"]}
    assert await repository._courses.update({"_id": course}, {"$set": earlier})
    assert (await author.get(f"/courses/{course}/lessons/spans")).json()["content"] == LESSON["content"]
    assert len((await author.get(f"/courses/{course}/quizzes/final")).json()["questions"]) == 2


async def test_a_lesson_is_found_while_it_is_replaced(api: Api, services: Services) -> None:
    author = await api.instructor()
    course = await api.course(author)
    read = await services.courses.visible(course, None)
    assert (await author.put(f"/courses/{course}/lessons/spans", {**LESSON, "content": "New"})).is_success
    assert (await services.courses.lesson(read, "spans")).content == "New"


async def test_what_is_replaced_or_refused_leaves_nothing_behind(api: Api, services: Services) -> None:
    author = await api.instructor()
    course = await api.course(author)
    lessons = services.courses._repository._lessons
    await author.put(f"/courses/{course}/lessons/spans", LESSON)
    await (await api.instructor()).post(f"/courses/{course}/lessons", LESSON)
    await author.post("/courses", {"title": "T", "slug": course, "description": "", "capacity": 1})
    assert len(await lessons.find({"course_id": course})) == 1


async def test_lessons_of_one_title_are_numbered(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, lessons=[LESSON] * 100)
    shown = (await author.get(f"/courses/{course}")).json()["lessons"]
    assert [shown[0]["id"], shown[1]["id"], shown[99]["id"]] == ["spans", "spans-2", "spans-100"]
