"""The seats of a course: never overbooked, and none lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from app.core.clock import Clock
from app.core.identifiers import new_id
from app.core.telemetry import SEATS_RECLAIMED
from app.lms.courses.records import Course
from app.lms.enrollments.repository import EnrollmentRepository, SeatRepository
from app.lms.enrollments.schemas import Claim, Enrollment, Seats
from app.lms.refusals import CourseFull
from otel import get_logger

ABANDONED_AFTER: Final = timedelta(seconds=60)
"""A seat held for this long without an enrolment is freed. No request lives half as long."""

_log = get_logger(service="enrollments")


class SeatKeeper:
    """Takes and frees seats for learners.

    The seats of a course are one document with the number of free ones and every holder, changed only by
    atomic conditional updates, so a course is never overbooked. A seat is taken before its enrolment is
    stored. If the process dies in between, the learner's next try reuses the seat; when the course looks
    full, seats without an enrolment are freed after a minute.
    """

    def __init__(self, seats: SeatRepository, enrollments: EnrollmentRepository, clock: Clock) -> None:
        self._seats = seats
        self._enrollments = enrollments
        self._clock = clock

    async def claim(self, course: Course, user_id: str, known: Enrollment | None) -> str | None:
        """Takes a seat, or finds the one that the learner already holds, and returns its claim.

        ``known`` is the learner's withdrawn enrolment. None means that something changed: try again.

        Raises:
            CourseFull: Every seat is taken.
        """
        claim = Claim(claim=new_id("seat"), at=self._clock.now())
        if await self._seats.take(course.id, user_id, claim, course.capacity):
            return claim.claim
        seats = await self._seats.find(course.id)
        if seats is None:
            await self._seats.open(course.id, course.capacity, claim.at)
            return None
        if seats.capacity != course.capacity:
            await self._seats.resize(course.id, seats.capacity, course.capacity)
            return None
        if user_id in seats.holders:
            return await self._keep(course.id, user_id, seats.holders[user_id], claim, known)
        if seats.free > 0 or await self._reclaim(seats):
            return None
        raise CourseFull(course_id=course.id, capacity=course.capacity)

    async def _keep(
        self, course_id: str, user_id: str, held: Claim, claim: Claim, known: Enrollment | None
    ) -> str | None:
        """Reuses a seat that an earlier request took; returns its claim, or None to try again.

        A seat that another request may be about to free, because it is old or its enrolment was withdrawn,
        gets a new claim first, so that freeing the old one fails.
        """
        is_left = known is not None and known.claim == held.claim
        is_old = held.at < claim.at - ABANDONED_AFTER / 2
        if not (is_left or is_old):
            return held.claim
        return claim.claim if await self._seats.take_over(course_id, user_id, held.claim, claim) else None

    async def release(self, enrollment: Enrollment) -> None:
        """Frees the seat of a withdrawn enrolment, unless the learner has claimed it again."""
        await self._seats.release(enrollment.course_id, enrollment.user_id, enrollment.claim)

    async def _reclaim(self, seats: Seats) -> int:
        """Frees abandoned seats, at most once a minute for each course; returns how many."""
        oldest = self._clock.now() - ABANDONED_AFTER
        if not await self._seats.mark_checked(seats.id, before=oldest, now=self._clock.now()):
            return 0
        seated = await self._enrollments.seated(seats.id)
        freed = 0
        for user_id, held in seats.holders.items():
            if held.at < oldest and user_id not in seated:
                freed += await self._seats.release(seats.id, user_id, held.claim)
        SEATS_RECLAIMED.add(freed)
        _log.warning("seats_reclaimed", course_id=seats.id, seats=freed)
        return freed
