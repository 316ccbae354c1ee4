from __future__ import annotations

from typing import Final

from app.core.clock import Clock
from app.core.security import Principal
from app.core.telemetry import COURSE_COMPLETIONS, ENROLLMENTS, LESSON_COMPLETIONS, WITHDRAWALS
from app.infra.mongo import DuplicateId
from app.lms.certificates.service import CertificateService
from app.lms.courses.records import Course
from app.lms.courses.schemas import LessonOut
from app.lms.courses.service import CourseService
from app.lms.enrollments.repository import EnrollmentRepository
from app.lms.enrollments.schemas import Enrollment, EnrollmentState, Progress
from app.lms.enrollments.seats import SeatKeeper
from app.lms.refusals import (
    CourseFull,
    CourseNotPublished,
    EnrollmentBusy,
    EnrollmentCompleted,
    LessonNotFound,
    NotEnrolled,
)
from app.lms.users.schemas import Step
from app.lms.users.service import UserService
from otel import breadcrumb, get_logger, traced

_TRIES: Final = 8
_log = get_logger(service="enrollments")


class EnrollmentService:
    """Enrolment, progress and completion. Every step is idempotent."""

    def __init__(
        self,
        repository: EnrollmentRepository,
        seats: SeatKeeper,
        courses: CourseService,
        certificates: CertificateService,
        users: UserService,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._seats = seats
        self._courses = courses
        self._certificates = certificates
        self._users = users
        self._clock = clock

    @traced("enrollments.enroll", arguments=("course_id",))
    async def enroll(self, learner: Principal, course_id: str) -> tuple[Enrollment, bool]:
        """Enrols a learner; returns the enrolment and whether it is new. Repeating it changes nothing.

        Raises:
            CourseNotFound: There is no such course, or the learner cannot see it.
            CourseNotPublished: It is the learner's own draft.
            CourseFull: Every seat is taken.
            EnrollmentBusy: The learner's concurrent requests collided eight times.
        """
        for _ in range(_TRIES):
            course = await self._courses.visible(course_id, learner)
            known = await self._repository.find(learner.id, course_id)
            if known is not None and known.holds_seat:
                ENROLLMENTS.add(1, {"outcome": "repeated"})
                return known, False
            claim = await self._claim(course, learner.id, known)
            enrollment = claim and await self._take_seat(course_id, learner.id, known, claim)
            if enrollment:
                ENROLLMENTS.add(1, {"outcome": "created"})
                breadcrumb("lms.enrolled", course_id=course_id)
                _log.info("enrolled", course_id=course_id, user_id=learner.id)
                await self._users.reached(learner.id, Step.ENROLLED)
                return enrollment, True
        raise EnrollmentBusy(course_id=course_id)

    async def _claim(self, course: Course, user_id: str, known: Enrollment | None) -> str | None:
        if not course.is_published:
            ENROLLMENTS.add(1, {"outcome": "closed"})
            raise CourseNotPublished(course_id=course.id)
        try:
            return await self._seats.claim(course, user_id, known)
        except CourseFull:
            ENROLLMENTS.add(1, {"outcome": "full"})
            raise

    async def _take_seat(
        self, course_id: str, user_id: str, known: Enrollment | None, claim: str
    ) -> Enrollment | None:
        """Stores the enrolment for the seat ``claim``; None if another request of the learner was faster."""
        now = self._clock.now()
        if known is not None:
            changed = {"state": EnrollmentState.ACTIVE, "claim": claim, "enrolled_at": now}
            done = await self._repository.reactivate(known, claim, now)
            return known.model_copy(update=changed) if done else None
        enrollment = Enrollment(
            id=f"{user_id}:{course_id}",
            user_id=user_id,
            course_id=course_id,
            state=EnrollmentState.ACTIVE,
            claim=claim,
            enrolled_at=now,
        )
        try:
            await self._repository.insert(enrollment)
        except DuplicateId:
            return None
        return enrollment

    @traced("enrollments.withdraw", arguments=("course_id",))
    async def withdraw(self, learner: Principal, course_id: str) -> None:
        """Ends a learner's enrolment and frees the seat; keeps the progress. Repeating it changes nothing.

        Raises:
            NotEnrolled: The learner never enrolled.
            EnrollmentCompleted: The course is completed.
        """
        enrollment = await self._repository.find(learner.id, course_id)
        if enrollment is None:
            raise NotEnrolled(course_id=course_id)
        if enrollment.state is EnrollmentState.COMPLETED:
            raise EnrollmentCompleted(course_id=course_id)
        if await self._repository.withdraw(enrollment):
            WITHDRAWALS.add(1)
            _log.info("withdrawn", course_id=course_id, user_id=learner.id)
        await self._seats.release(enrollment)

    async def mine(self, learner: Principal) -> list[Enrollment]:
        """Returns all enrolments of a learner, including withdrawn ones, by course."""
        return await self._repository.of_user(learner.id)

    async def enrolled(self, learner: Principal, course_id: str) -> tuple[Course, Enrollment]:
        """Returns a course and the learner's enrolment in it, active or completed.

        Raises:
            CourseNotFound: There is no such course, or the learner cannot see it.
            NotEnrolled: The learner has no seat.
        """
        course = await self._courses.visible(course_id, learner)
        enrollment = await self._repository.find(learner.id, course_id)
        if enrollment is None or not enrollment.holds_seat:
            raise NotEnrolled(course_id=course_id)
        return course, enrollment

    @traced("enrollments.read_lesson", arguments=("course_id", "lesson_id"))
    async def read_lesson(self, reader: Principal, course_id: str, lesson_id: str) -> LessonOut:
        """Returns a lesson to an author of its course or to an enrolled learner.

        Raises:
            CourseNotFound, LessonNotFound: There is no such course or lesson.
            NotEnrolled: The reader has no seat.
        """
        course = await self._courses.visible(course_id, reader)
        if not course.may_edit(reader):
            await self.enrolled(reader, course_id)
        return await self._courses.lesson(course, lesson_id)

    @traced("enrollments.complete_lesson", arguments=("course_id", "lesson_id"))
    async def complete_lesson(self, learner: Principal, course_id: str, lesson_id: str) -> Progress:
        """Marks a lesson as done and returns the progress; the last step completes the course.

        Raises:
            CourseNotFound, LessonNotFound: There is no such course or lesson.
            NotEnrolled: The learner has no seat.
        """
        course, enrollment = await self.enrolled(learner, course_id)
        if not any(lesson.id == lesson_id for lesson in course.lessons):
            raise LessonNotFound(course_id=course_id, lesson_id=lesson_id)
        new = await self._repository.mark_lesson(enrollment.id, lesson_id, self._clock.now())
        LESSON_COMPLETIONS.add(1, {"outcome": "completed" if new else "repeated"})
        if new:
            _log.info("lesson_completed", course_id=course_id, lesson_id=lesson_id, user_id=learner.id)
        return await self._complete_if_done(course, learner)

    async def record_pass(self, learner: Principal, course: Course, quiz_id: str) -> None:
        """Marks a quiz as passed; the last step completes the course."""
        enrollment_id = f"{learner.id}:{course.id}"
        await self._repository.mark_quiz(enrollment_id, quiz_id, self._clock.now())
        await self._complete_if_done(course, learner)

    async def progress(self, learner: Principal, course_id: str) -> Progress:
        """Returns a learner's progress.

        Raises:
            CourseNotFound: There is no such course.
            NotEnrolled: The learner has no seat.
        """
        course, enrollment = await self.enrolled(learner, course_id)
        return _progress(course, enrollment)

    async def _complete_if_done(self, course: Course, learner: Principal) -> Progress:
        """Completes the enrolment if nothing is left to do; certificate first, so none is missing."""
        _, enrollment = await self.enrolled(learner, course.id)
        progress = _progress(course, enrollment)
        is_done = progress.percent == 100  # noqa: PLR2004 - per cent
        if not is_done or enrollment.state is EnrollmentState.COMPLETED:
            return progress
        certificate_id = await self._certificates.issue(learner.id, course)
        if await self._repository.complete(enrollment.id, certificate_id, self._clock.now()):
            COURSE_COMPLETIONS.add(1)
            breadcrumb("lms.completed", course_id=course.id)
            _log.info("course_completed", course_id=course.id, user_id=learner.id)
            await self._users.reached(learner.id, Step.COMPLETED)
        completed = {"state": EnrollmentState.COMPLETED, "certificate_id": certificate_id}
        return progress.model_copy(update=completed)


def _progress(course: Course, enrollment: Enrollment) -> Progress:
    """Counts against the course as it is now: a lesson added later is still to do, unless it is completed."""
    lessons = [lesson.id for lesson in course.lessons if lesson.id in enrollment.lessons_done]
    quizzes = [quiz.id for quiz in course.quizzes if quiz.id in enrollment.quizzes_passed]
    steps = len(course.lessons) + len(course.quizzes)
    done = len(lessons) + len(quizzes)
    is_completed = enrollment.state is EnrollmentState.COMPLETED
    return Progress(
        course_id=course.id,
        state=enrollment.state,
        lessons_done=lessons,
        lessons_total=len(course.lessons),
        quizzes_passed=quizzes,
        quizzes_total=len(course.quizzes),
        percent=100 if is_completed else done * 100 // max(steps, 1),
        certificate_id=enrollment.certificate_id,
    )
