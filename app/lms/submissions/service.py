from __future__ import annotations

from collections.abc import Mapping

from app.core.clock import Clock
from app.core.errors import FieldError
from app.core.security import Principal
from app.core.telemetry import QUIZ_ATTEMPTS, QUIZ_SCORE
from app.infra.mongo import DuplicateId
from app.lms.courses.records import Course, Quiz
from app.lms.courses.service import CourseService
from app.lms.enrollments.service import EnrollmentService
from app.lms.refusals import AnswersInvalid, AttemptsExhausted, SubmissionNotFound
from app.lms.submissions.acknowledged import Acknowledged
from app.lms.submissions.repository import SubmissionRepository
from app.lms.submissions.schemas import Submission
from otel import breadcrumb, get_logger, traced

_log = get_logger(service="submissions")


class SubmissionService:
    """Grades answers to quizzes. An answer is stored before it is acknowledged, and never changes afterwards.

    The attempt's number is part of the stored answer's identifier, which the database keeps unique:
    concurrent answers get different numbers, and none above the limit.
    """

    def __init__(
        self,
        repository: SubmissionRepository,
        courses: CourseService,
        enrollments: EnrollmentService,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._acknowledged = Acknowledged(repository, clock)
        self._courses = courses
        self._enrollments = enrollments
        self._clock = clock

    @traced("submissions.submit", arguments=("course_id", "quiz_id"))
    async def submit(
        self,
        learner: Principal,
        course_id: str,
        quiz_id: str,
        answers: dict[str, int],
        key: str | None = None,
    ) -> tuple[Submission, bool]:
        """Grades and stores an answer; returns it and whether it is new. The same ``key`` finds it again.

        Raises:
            CourseNotFound, QuizNotFound: There is no such course or quiz.
            NotEnrolled: The learner has no seat.
            AnswersInvalid: An answer names an unknown question or choice.
            AttemptsExhausted: No attempt is left.
        """
        course, _ = await self._enrollments.enrolled(learner, course_id)
        quiz = await self._courses.quiz(course, quiz_id)
        _check(quiz, answers)
        submission, is_new = await self._store(learner, quiz, answers, key)
        self._record(submission, is_new=is_new)
        if is_new:
            self._acknowledged.add(submission.id)
        if submission.passed:
            await self._enrollments.record_pass(learner, course, quiz_id)
        return submission, is_new

    async def _store(
        self, learner: Principal, quiz: Quiz, answers: dict[str, int], key: str | None
    ) -> tuple[Submission, bool]:
        """Stores the answer as the next attempt, or finds the one that was stored with the same ``key``."""
        series = f"{learner.id}:{quiz.id}"
        while True:
            earlier = await self._repository.attempts(series)
            repeated = next((each for each in earlier if key is not None and each.key == key), None)
            if repeated is not None:
                return repeated, False
            if len(earlier) >= quiz.max_attempts:
                await self._refuse(learner, quiz, earlier)
            submission = self._graded(learner, quiz, answers, key, attempt=len(earlier) + 1)
            try:
                await self._repository.insert(submission)
            except DuplicateId:
                continue
            return submission, True

    async def _refuse(self, learner: Principal, quiz: Quiz, earlier: list[Submission]) -> None:
        """Refuses a further attempt.

        If an earlier one passed but the process died before the enrolment recorded it, records it now.

        Raises:
            AttemptsExhausted: Always.
        """
        if any(submission.passed for submission in earlier):
            course = await self._courses.visible(quiz.course_id, learner)
            await self._enrollments.record_pass(learner, course, quiz.quiz_id)
        QUIZ_ATTEMPTS.add(1, {"outcome": "exhausted"})
        raise AttemptsExhausted(quiz_id=quiz.quiz_id, limit=quiz.max_attempts)

    def _graded(
        self, learner: Principal, quiz: Quiz, answers: dict[str, int], key: str | None, *, attempt: int
    ) -> Submission:
        score, passed = grade(quiz, answers)
        return Submission(
            id=f"{learner.id}:{quiz.id}:{attempt}",
            series=f"{learner.id}:{quiz.id}",
            user_id=learner.id,
            course_id=quiz.course_id,
            quiz_id=quiz.quiz_id,
            attempt=attempt,
            answers=answers,
            score=score,
            passed=passed,
            key=key,
            submitted_at=self._clock.now(),
        )

    @staticmethod
    def _record(submission: Submission, *, is_new: bool) -> None:
        if not is_new:
            QUIZ_ATTEMPTS.add(1, {"outcome": "repeated"})
            return
        outcome = "passed" if submission.passed else "failed"
        QUIZ_ATTEMPTS.add(1, {"outcome": outcome})
        QUIZ_SCORE.record(submission.score, {"outcome": outcome})
        breadcrumb("lms.submitted", quiz_id=submission.quiz_id, attempt=submission.attempt)
        facts = submission.model_dump(include={"course_id", "quiz_id", "attempt", "user_id"})
        _log.info("submitted", outcome=outcome, **facts)

    async def lost(self) -> str | None:
        """Reads acknowledged answers again, for `lms_function`; returns a sentence about one that is gone."""
        missing = await self._acknowledged.first_missing()
        return missing and f"The submission {missing} was acknowledged and is not stored."

    async def mine(self, learner: Principal, course_id: str, quiz_id: str) -> list[Submission]:
        """Returns a learner's answers to a quiz, the oldest first.

        Raises:
            CourseNotFound, QuizNotFound: There is no such course or quiz.
            NotEnrolled: The learner has no seat.
        """
        course, enrollment = await self._enrollments.enrolled(learner, course_id)
        quiz = await self._courses.quiz(course, quiz_id)
        submissions = await self._repository.attempts(f"{learner.id}:{quiz.id}")
        passed = any(submission.passed for submission in submissions)
        if passed and quiz_id not in enrollment.quizzes_passed:
            await self._enrollments.record_pass(learner, course, quiz_id)
        return submissions

    async def get(self, reader: Principal, submission_id: str) -> Submission:
        """Returns an answer to the learner who gave it and to the authors of the course.

        Raises:
            SubmissionNotFound: There is none, or none that the reader may see.
        """
        submission = await self._repository.find(submission_id)
        if submission is None or not await self._may_read(reader, submission):
            raise SubmissionNotFound(submission_id=submission_id)
        return submission

    async def _may_read(self, reader: Principal, submission: Submission) -> bool:
        if reader.id == submission.user_id:
            return True
        course: Course = await self._courses.visible(submission.course_id, reader)
        return course.may_edit(reader)


def grade(quiz: Quiz, answers: Mapping[str, int]) -> tuple[float, bool]:
    """Returns the share of answers that are right by the quiz's key, and whether it suffices."""
    right = sum(answers.get(question.id) == question.correct for question in quiz.questions)
    score = right / len(quiz.questions)
    return score, score >= quiz.pass_score


def _check(quiz: Quiz, answers: dict[str, int]) -> None:
    """Checks the answers against the questions.

    Raises:
        AnswersInvalid: One names an unknown question or choice.
    """
    choices = {question.id: len(question.choices) for question in quiz.questions}
    errors = tuple(
        FieldError(f"body.answers.{question_id}", _mistake(choices.get(question_id)), "answer")
        for question_id, choice in answers.items()
        if choice >= choices.get(question_id, 0)
    )
    if errors:
        raise AnswersInvalid(quiz_id=quiz.quiz_id, count=len(errors), errors=errors)


def _mistake(choices: int | None) -> str:
    return "There is no such question" if choices is None else f"Choose from 0 to {choices - 1}"
