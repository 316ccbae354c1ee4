"""Does what learners do, with canary data, to see that it works: nothing of it is counted or shown.

Nothing here touches a service that counts. Its user and its course exist in no collection that the catalogue,
the accounts or the enrolments are read from: seats are those of the collection ``canary_seats``, and all else
is made in memory and forgotten. What other collections hold is only read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from app.core.certificates import CertificateClaims, CertificateInvalid, CertificateSigner
from app.core.clock import Clock
from app.core.errors import TokenExpired
from app.core.identifiers import new_id
from app.core.security import Principal, Role, Tokens
from app.infra.mongo import Database
from app.lms.courses.records import Question, Quiz
from app.lms.courses.repository import CourseRepository
from app.lms.enrollments.repository import EnrollmentRepository, SeatRepository
from app.lms.enrollments.schemas import Claim
from app.lms.submissions.service import grade
from app.lms.users.repository import AdminRepository

COLLECTION: Final = "canary_seats"
MOST_COMPARED: Final = 200
"""Most enrolments of one course that one run compares with its seats."""

_COURSE: Final = "canary"
_CAPACITY: Final = 1000
_ABANDONED: Final = timedelta(seconds=60)
_SAMPLE: Final = 3
_QUIZ: Final = Quiz(
    id="canary:quiz",
    course_id=_COURSE,
    quiz_id="quiz",
    title="Canary",
    questions=(
        Question(id="q1", text="One?", choices=("yes", "no"), correct=0),
        Question(id="q2", text="Two?", choices=("no", "yes"), correct=1),
    ),
    pass_score=0.7,
    max_attempts=1,
)
_GRADES: Final[tuple[tuple[dict[str, int], float, bool], ...]] = (
    ({"q1": 0, "q2": 1}, 1.0, True),
    ({"q1": 0, "q2": 0}, 0.5, False),
    ({}, 0.0, False),
)


class Canary:
    """The steps of the check ``lms_function``; each returns what is wrong in a sentence, or None."""

    def __init__(self, database: Database, tokens: Tokens, signer: CertificateSigner, clock: Clock) -> None:
        self._canary_seats = SeatRepository(database, COLLECTION)
        self._courses = CourseRepository(database)
        self._seats = SeatRepository(database)
        self._enrollments = EnrollmentRepository(database)
        self._admins = AdminRepository(database)
        self._tokens = tokens
        self._signer = signer
        self._clock = clock
        self._turn = 0

    def steps(self) -> Mapping[str, Callable[[], Awaitable[str | None]]]:
        """Returns the steps by name, in the order of a learner's way."""
        return {
            "token": self.token,
            "catalogue": self.catalogue,
            "seat": self.seat,
            "quiz": self.quiz,
            "certificate": self.certificate,
            "counters": self.counters,
        }

    async def token(self) -> str | None:
        """Signs an access token, reads it, and sees it refused once it has expired."""
        now = self._clock.now()
        principal = Principal(id=new_id("usr"), role=Role.STUDENT, role_version=0, family="fam_canary")
        token = self._tokens.access(principal, now)
        if self._tokens.read_access(token, now) != principal:
            return "An access token does not say what was signed."
        try:
            self._tokens.read_access(token, now + self._tokens.access_ttl)
        except TokenExpired:
            return None
        return "An access token is valid after it has expired."

    async def catalogue(self) -> str | None:
        """Reads the list of published courses and the first three of them."""
        listed = (await self._courses.listed())[:_SAMPLE]
        found = await self._courses.find_all(listed)
        missing = [course_id for course_id, course in zip(listed, found, strict=True) if course is None]
        return f"The catalogue lists {missing[0]}, which does not exist." if missing else None

    async def seat(self) -> str | None:
        """Takes a seat on the canary's course and gives it back."""
        seats, now = self._canary_seats, self._clock.now()
        await seats.open(_COURSE, _CAPACITY, now)
        user_id, claim = new_id("usr"), Claim(claim=new_id("seat"), at=now)
        if not await seats.take(_COURSE, user_id, claim, _CAPACITY):
            await self._free_abandoned()
            return "No seat on the canary's course could be taken."
        taken = await seats.find(_COURSE)
        given_back = await seats.release(_COURSE, user_id, claim.claim)
        if taken is None or user_id not in taken.holders or taken.free + len(taken.holders) != _CAPACITY:
            return "A seat was taken but not recorded."
        if len(taken.holders) > 1:
            await self._free_abandoned()
        return None if given_back else "A seat could not be given back."

    async def _free_abandoned(self) -> None:
        """Gives back the seats of runs that ended in between."""
        seats = await self._canary_seats.find(_COURSE)
        for user_id, held in seats.holders.items() if seats else ():
            if held.at < self._clock.now() - _ABANDONED:
                await self._canary_seats.release(_COURSE, user_id, held.claim)

    async def quiz(self) -> str | None:
        """Grades right, half right and missing answers against a quiz's key."""
        wrong = [answers for answers, score, passed in _GRADES if grade(_QUIZ, answers) != (score, passed)]
        return f"The answers {wrong[0]} were graded wrongly." if wrong else None

    async def certificate(self) -> str | None:
        """Signs a certificate, verifies it, and sees an altered one refused."""
        claims = CertificateClaims(
            certificate_id=self._signer.certificate_id("usr_canary", _COURSE),
            holder="Canary",
            course_id=_COURSE,
            course_title="Canary",
            issued_at=self._clock.now().replace(microsecond=0),
        )
        token = self._signer.sign(claims)
        if self._signer.verify(token) != claims:
            return "A certificate does not say what was signed."
        head, _, signature = token.split(".")
        other = self._signer.sign(claims.model_copy(update={"holder": "Somebody else"})).split(".")[1]
        try:
            self._signer.verify(f"{head}.{other}.{signature}")
        except CertificateInvalid:
            return None
        return "An altered certificate counts as valid."

    async def counters(self) -> str | None:
        """Compares the counters in documents with what they count, as of the end of yesterday (UTC).

        The counters are the number of admins, against the admins that are listed; and of one listed course,
        the next at every run: its free seats, against capacity and holders; and its first 200 active
        enrolments, of which each that was made before today must hold a seat. Seats without an enrolment are
        no fault: a request may have ended in between, and a full course takes them back. Enrolments that
        change meanwhile are read once more.
        """
        count, listed = await self._admins.counted()
        if count != listed:
            return f"{count} admins are counted, {listed} are listed."
        courses = await self._courses.listed()
        if not courses:
            return None
        self._turn += 1
        course_id = courses[self._turn % len(courses)]
        return await self._disagreement(course_id) and await self._disagreement(course_id)

    async def _disagreement(self, course_id: str) -> str | None:
        today = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        # First the enrolments: a seat is taken before and given back after them.
        active = await self._enrollments.active(course_id, limit=MOST_COMPARED)
        seats = await self._seats.find(course_id)
        settled = [each for each in active if each.enrolled_at < today]
        if seats is None:
            return f"{course_id} has enrolments but no seats." if settled else None
        if seats.free + len(seats.holders) != seats.capacity:
            held = len(seats.holders)
            return f"{course_id} has {seats.capacity} seats: {seats.free} free and {held} held do not add up."
        without = sum(each.user_id not in seats.holders for each in settled)
        return f"{without} enrolments in {course_id} hold no seat." if without else None
