from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from app.infra.mongo import Database
from app.lms.enrollments.repository import EnrollmentRepository, SeatRepository
from app.lms.enrollments.schemas import Claim
from app.lms.enrollments.seats import SeatKeeper
from app.lms.enrollments.service import EnrollmentService
from app.lms.refusals import EnrollmentBusy
from app.lms.services import Services
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.app.seating import enroll, leave, ledger, principal, seats_of


async def test_of_fifty_concurrent_learners_ten_get_the_ten_seats(
    api: Api, services: Services, telemetry: Captured
) -> None:
    course = await api.course(await api.instructor(), capacity=10)
    tries = (services.enrollments.enroll(principal(number), course) for number in range(50))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"tuple": 10, "CourseFull": 40}
    seats = await seats_of(api, course)
    assert (seats.free, await services.enrollments._repository.seated(course)) == (0, set(seats.holders))
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


async def test_one_learners_concurrent_requests_take_one_seat(api: Api) -> None:
    course = await api.course(await api.instructor())
    learner = await api.student()
    answers = await asyncio.gather(*(enroll(learner, course) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 9, 201]
    assert (await seats_of(api, course)).free == 9


async def test_leaving_frees_the_seat(api: Api, telemetry: Captured) -> None:
    course = await api.course(await api.instructor(), capacity=1)
    first, second = await api.student(), await api.student()
    await enroll(first, course)
    assert_problem(await enroll(second, course), 409, "course_full")
    assert [(await leave(first, course)).status_code for _ in range(2)] == [204, 204]
    assert (await enroll(second, course)).status_code == 201
    assert telemetry.value("lms.withdrawals") == 1


async def test_coming_back_restores_the_progress(api: Api) -> None:
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


async def test_an_old_seat_gets_a_new_claim_before_it_is_used(api: Api, clock: FixedClock) -> None:
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


async def test_fewer_seats_remove_nobody_and_admit_nobody(api: Api) -> None:
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


class RestlessSeats(SeatRepository):
    """Somebody changes the capacity before each try."""

    async def take(self, course_id: str, user_id: str, claim: Claim, capacity: int) -> bool:
        await self.open(course_id, capacity, claim.at)
        await self.resize(course_id, capacity, capacity + 1)
        return await super().take(course_id, user_id, claim, capacity)


async def test_a_learner_whose_tries_all_collide_gets_a_conflict(
    api: Api, services: Services, empty_mongodb_url: str, clock: FixedClock
) -> None:
    course = await api.course(await api.instructor())
    database = Database(empty_mongodb_url, seconds=20)
    repository = EnrollmentRepository(database)
    keeper = SeatKeeper(RestlessSeats(database), repository, clock)
    service = EnrollmentService(
        repository, keeper, services.courses, services.certificates, services.users, clock
    )
    with pytest.raises(EnrollmentBusy):
        await service.enroll(principal(1), course)
    assert (await seats_of(api, course)).holders == {}
    database.close()
