from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from app.infra.mongo import Database, DuplicateId, Index
from app.lms.enrollments.schemas import Claim, Enrollment, EnrollmentState, Seats

ACTIVE = EnrollmentState.ACTIVE.value
WITHDRAWN = EnrollmentState.WITHDRAWN.value
COMPLETED = EnrollmentState.COMPLETED.value


class SeatRepository:
    """The seats of courses: one document per course, with the number of free seats and the holders.

    Every change is one atomic conditional update of both, so they cannot disagree.
    """

    def __init__(self, database: Database, collection: str = "seats") -> None:
        self._seats = database.collection(collection)

    async def open(self, course_id: str, capacity: int, now: datetime) -> None:
        """Creates ``capacity`` free seats for a course that has no seats yet; otherwise changes nothing."""
        seats = Seats(id=course_id, capacity=capacity, free=capacity, checked_at=now)
        with suppress(DuplicateId):
            await self._seats.insert(seats.document())

    async def find(self, course_id: str) -> Seats | None:
        """Returns the seats of a course."""
        document = await self._seats.find_one({"_id": course_id})
        return None if document is None else Seats.read(document)

    async def take(self, course_id: str, user_id: str, claim: Claim, capacity: int) -> bool:
        """Takes a seat, if one is free, the user has none, and the capacity is still ``capacity``."""
        holder = f"holders.{user_id}"
        return await self._seats.update(
            {"_id": course_id, "capacity": capacity, "free": {"$gt": 0}, holder: {"$exists": False}},
            {"$inc": {"free": -1}, "$set": {holder: claim.model_dump()}},
        )

    async def take_over(self, course_id: str, user_id: str, old_claim: str, claim: Claim) -> bool:
        """Replaces the seat's ``old_claim``, so that releasing the seat under that one fails."""
        holder = f"holders.{user_id}"
        return await self._seats.update(
            {"_id": course_id, f"{holder}.claim": old_claim}, {"$set": {holder: claim.model_dump()}}
        )

    async def release(self, course_id: str, user_id: str, claim: str) -> bool:
        """Frees the seat that the user holds under ``claim``."""
        holder = f"holders.{user_id}"
        return await self._seats.update(
            {"_id": course_id, f"{holder}.claim": claim}, {"$inc": {"free": 1}, "$unset": {holder: ""}}
        )

    async def resize(self, course_id: str, old: int, new: int) -> None:
        """Changes the capacity from ``old`` to ``new``; while ``free`` is negative, nobody can enrol."""
        await self._seats.update(
            {"_id": course_id, "capacity": old}, {"$inc": {"free": new - old}, "$set": {"capacity": new}}
        )

    async def mark_checked(self, course_id: str, *, before: datetime, now: datetime) -> bool:
        """Records that the holders are checked now; False if they were already checked since ``before``."""
        return await self._seats.update(
            {"_id": course_id, "checked_at": {"$lt": before}}, {"$set": {"checked_at": now}}
        )


class EnrollmentRepository:
    """Enrolments, one document per learner and course."""

    def __init__(self, database: Database) -> None:
        of_user, seated = Index(("user_id", "_id")), Index(("course_id", "state"))
        self._enrollments = database.collection("enrollments", of_user, seated)

    async def insert(self, enrollment: Enrollment) -> None:
        """Stores a new enrolment.

        Raises:
            DuplicateId: The learner has one in this course.
        """
        await self._enrollments.insert(enrollment.document())

    async def find(self, user_id: str, course_id: str) -> Enrollment | None:
        """Returns the enrolment of a learner in a course."""
        document = await self._enrollments.find_one({"_id": f"{user_id}:{course_id}"})
        return None if document is None else Enrollment.read(document)

    async def of_user(self, user_id: str) -> list[Enrollment]:
        """Returns the enrolments of a learner, by course."""
        documents = await self._enrollments.find({"user_id": user_id}, sort=[("_id", 1)])
        return [Enrollment.read(document) for document in documents]

    async def active(self, course_id: str, *, limit: int) -> list[Enrollment]:
        """Returns the first ``limit`` active enrolments in a course."""
        documents = await self._enrollments.find({"course_id": course_id, "state": ACTIVE}, limit=limit)
        return [Enrollment.read(document) for document in documents]

    async def seated(self, course_id: str) -> set[str]:
        """Returns the learners who hold a seat in a course; withdrawn enrolments are not read."""
        states = (ACTIVE, COMPLETED)
        found = [await self._enrollments.find({"course_id": course_id, "state": state}) for state in states]
        return {document["user_id"] for documents in found for document in documents}

    async def reactivate(self, enrollment: Enrollment, claim: str, now: datetime) -> bool:
        """Reactivates a withdrawn enrolment on the seat ``claim``; earlier progress is kept."""
        return await self._enrollments.update(
            {"_id": enrollment.id, "state": WITHDRAWN, "claim": enrollment.claim},
            {"$set": {"state": ACTIVE, "claim": claim, "enrolled_at": now}},
        )

    async def withdraw(self, enrollment: Enrollment) -> bool:
        """Marks an active enrolment as withdrawn; False if it is no longer active on this seat."""
        return await self._enrollments.update(
            {"_id": enrollment.id, "state": ACTIVE, "claim": enrollment.claim}, {"$set": {"state": WITHDRAWN}}
        )

    async def mark_lesson(self, enrollment_id: str, lesson_id: str, now: datetime) -> bool:
        """Marks a lesson as done; False if it already was, or if the enrolment is not active."""
        return await self._mark(enrollment_id, f"lessons_done.{lesson_id}", now)

    async def mark_quiz(self, enrollment_id: str, quiz_id: str, now: datetime) -> bool:
        """Marks a quiz as passed; False if it already was, or if the enrolment is not active."""
        return await self._mark(enrollment_id, f"quizzes_passed.{quiz_id}", now)

    async def _mark(self, enrollment_id: str, field: str, now: datetime) -> bool:
        return await self._enrollments.update(
            {"_id": enrollment_id, "state": ACTIVE, field: {"$exists": False}}, {"$set": {field: now}}
        )

    async def complete(self, enrollment_id: str, certificate_id: str, now: datetime) -> bool:
        """Marks an active enrolment as completed; False if it is not active."""
        return await self._enrollments.update(
            {"_id": enrollment_id, "state": ACTIVE},
            {"$set": {"state": COMPLETED, "completed_at": now, "certificate_id": certificate_id}},
        )
