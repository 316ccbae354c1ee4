from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from app.core.security import Principal, Role
from app.infra.mongo import Database
from app.lms.enrollments.repository import EnrollmentRepository, SeatRepository
from app.lms.enrollments.schemas import Claim, Seats
from app.lms.enrollments.seats import SeatKeeper
from app.lms.enrollments.service import EnrollmentService
from app.lms.refusals import EnrollmentBusy
from app.lms.services import Services
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import LESSON, RIGHT, Api, Person
from tests.app.problems import assert_problem


async def enroll(person: Person, course: str) -> httpx.Response:
    return await person.post(f"/courses/{course}/enrollments")


async def leave(person: Person, course: str) -> httpx.Response:
    return await person.send("DELETE", f"/courses/{course}/enrollments/me")


def ledger(api: Api) -> SeatRepository:
    keeper: SeatKeeper = api.app.state.services.enrollments._seats
    return keeper._seats


async def seats_of(api: Api, course: str) -> Seats:
    seats = await ledger(api).find(course)
    assert seats is not None
    assert seats.free + len(seats.holders) == seats.capacity
    return seats


def principal(number: int, clock: FixedClock) -> Principal:
    """Someone whom enrolment knows by name only."""
    return Principal(id=f"usr_{number:020x}", role=Role.STUDENT, family="fam_1", issued_at=clock.now())


async def test_of_fifty_at_once_ten_get_the_ten_seats(
    api: Api, services: Services, telemetry: Captured, clock: FixedClock
) -> None:
    course = await api.course(await api.instructor(), capacity=10)
    tries = (services.enrollments.enroll(principal(number, clock), course) for number in range(50))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"tuple": 10, "CourseFull": 40}
    seats = await seats_of(api, course)
    enrolled = await services.enrollments._repository.of_course(course)
    assert (seats.free, {each.user_id for each in enrolled}) == (0, set(seats.holders))
    assert telemetry.value("lms.enrollments", {"outcome": "created"}) == 10
    assert telemetry.value("lms.enrollments", {"outcome": "full"}) == 40


async def test_enrolling_again_changes_nothing(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    first, second = await enroll(learner, course), await enroll(learner, course)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.json()["id"] == f"{learner.id}:{course}"
    assert (await seats_of(api, course)).free == 9
    assert telemetry.value("lms.enrollments", {"outcome": "repeated"}) == 1


async def test_one_learner_at_once_takes_one_seat(api: Api) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    answers = await asyncio.gather(*(enroll(learner, course) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 9, 201]
    assert (await seats_of(api, course)).free == 9


async def test_who_leaves_frees_the_seat(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    first, second = await api.student(), await api.student()
    await enroll(first, course)
    assert_problem(await enroll(second, course), 409, "course_full")
    assert [(await leave(first, course)).status_code for _ in range(2)] == [204, 204]
    assert (await enroll(second, course)).status_code == 201
    assert telemetry.value("lms.withdrawals") == 1


async def test_who_comes_back_finds_what_was_done(api: Api) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    await enroll(learner, course)
    await learner.put(f"/courses/{course}/lessons/spans/completion")
    await leave(learner, course)
    assert_problem(await learner.get(f"/courses/{course}/progress"), 403, "not_enrolled")
    assert (await enroll(learner, course)).status_code == 201
    assert (await learner.get(f"/courses/{course}/progress")).json()["lessons_done"] == ["spans"]
    assert (await seats_of(api, course)).free == 9


async def test_leaving_and_coming_back_at_once_keeps_the_books(api: Api) -> None:
    course = await api.course(await api.instructor(), capacity=2)
    learner = await api.student()
    await enroll(learner, course)
    for _ in range(5):
        await asyncio.gather(*(action(learner, course) for action in (leave, enroll, leave, enroll)))
        (mine,) = (await learner.get("/enrollments")).json()
        held = learner.id in (await seats_of(api, course)).holders
        # A seat may be held without an enrolment (it is reclaimed later), never the other way round.
        assert held or mine["state"] == "withdrawn"


async def test_a_crash_before_the_enrolment_keeps_the_seat_for_the_learner(
    api: Api, clock: FixedClock
) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    learner, other = await api.student(), await api.student()
    await ledger(api).open(course, 1, clock.now())
    assert await ledger(api).take(course, learner.id, Claim(claim="seat_lost", at=clock.now()), 1)
    assert_problem(await enroll(other, course), 409, "course_full")
    assert (await enroll(learner, course)).status_code == 201
    assert (await seats_of(api, course)).free == 0


async def test_a_seat_without_an_enrolment_is_free_after_a_minute(
    api: Api, telemetry: Captured, clock: FixedClock
) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    gone, other = await api.student(), await api.student()
    await ledger(api).open(course, 1, clock.now())
    await ledger(api).take(course, gone.id, Claim(claim="seat_lost", at=clock.now()), 1)
    clock.advance(timedelta(seconds=61))
    assert (await enroll(other, course)).status_code == 201
    assert set((await seats_of(api, course)).holders) == {other.id}
    assert telemetry.value("lms.seats.reclaimed") == 1


async def test_a_crash_while_leaving_frees_the_seat_too(
    api: Api, services: Services, clock: FixedClock
) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    learner, other = await api.student(), await api.student()
    await enroll(learner, course)
    stored = await services.enrollments._repository.find(learner.id, course)
    assert stored is not None
    assert await services.enrollments._repository.withdraw(stored)
    clock.advance(timedelta(seconds=61))
    assert (await enroll(other, course)).status_code == 201


async def test_a_learner_keeps_the_seat_however_old_it_is(api: Api, clock: FixedClock) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    learner, other = await api.student(), await api.student()
    await enroll(learner, course)
    clock.advance(timedelta(minutes=5))
    assert_problem(await enroll(await api.login(other.email), course), 409, "course_full")
    assert set((await seats_of(api, course)).holders) == {learner.id}


async def test_an_old_seat_is_named_anew_before_it_is_used(api: Api, clock: FixedClock) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    learner = await api.student()
    await ledger(api).open(course, 1, clock.now())
    await ledger(api).take(course, learner.id, Claim(claim="seat_old", at=clock.now()), 1)
    clock.advance(timedelta(seconds=40))
    await enroll(learner, course)
    assert not await ledger(api).release(course, learner.id, "seat_old")
    assert (await seats_of(api, course)).free == 0


async def test_more_seats_let_more_learners_in(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, capacity=1)
    first, second = await api.student(), await api.student()
    await enroll(first, course)
    await author.send("PATCH", f"/courses/{course}", {"capacity": 2})
    assert (await enroll(second, course)).status_code == 201
    assert (await seats_of(api, course)).free == 0


async def test_fewer_seats_throw_nobody_out_and_let_nobody_in(api: Api) -> None:
    author = await api.instructor()
    course = await api.course(author, capacity=2)
    first, second, third = [await api.student() for _ in range(3)]
    await enroll(first, course)
    await enroll(second, course)
    await author.send("PATCH", f"/courses/{course}", {"capacity": 1})
    assert_problem(await enroll(third, course), 409, "course_full")
    await leave(first, course)
    assert_problem(await enroll(third, course), 409, "course_full")
    await leave(second, course)
    assert (await enroll(third, course)).status_code == 201


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


async def test_who_never_enrolled_cannot_leave(api: Api) -> None:
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


class RestlessSeats(SeatRepository):
    """Somebody changes the capacity before each try."""

    async def take(self, course_id: str, user_id: str, claim: Claim, capacity: int) -> bool:
        await self.open(course_id, capacity, claim.at)
        await self.resize(course_id, capacity, capacity + 1)
        return await super().take(course_id, user_id, claim, capacity)


async def test_who_is_always_crossed_is_told(
    api: Api, services: Services, empty_mongodb_url: str, clock: FixedClock
) -> None:
    course = await api.course(await api.instructor())
    database = Database(empty_mongodb_url)
    repository = EnrollmentRepository(database)
    keeper = SeatKeeper(RestlessSeats(database), repository, clock)
    service = EnrollmentService(repository, keeper, services.courses, services.certificates, clock)
    with pytest.raises(EnrollmentBusy):
        await service.enroll(principal(1, clock), course)
    assert (await seats_of(api, course)).holders == {}
    database.close()


async def test_an_enrolment_moves_its_metric_and_no_other(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    before = lms_metrics(telemetry)
    await enroll(learner, course)
    after = lms_metrics(telemetry)
    moved = {name for name in after if after[name] != before.get(name)}
    assert moved == {"lms.enrollments", "lms.token.revocation_checks"}


def lms_metrics(telemetry: Captured) -> dict[str, float]:
    names = [name for name in telemetry.metrics if name.startswith("lms.")]
    return {name: telemetry.value(name) for name in names}


async def test_a_quiz_is_part_of_the_progress(api: Api) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    await enroll(learner, course)
    await learner.post(f"/courses/{course}/quizzes/final/submissions", {"answers": RIGHT})
    progress = (await learner.get(f"/courses/{course}/progress")).json()
    assert (progress["quizzes_passed"], progress["percent"], progress["state"]) == (["final"], 50, "active")
