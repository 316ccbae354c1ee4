"""The learning platform's refusals, slice by slice; a code is part of the API and keeps its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from app.core.errors import Conflict, Forbidden, Invalid, NotFound

# --- users ------------------------------------------------------------------------------------------------


class EmailTaken(Conflict):
    """An account already has this email address."""

    code = "email_taken"
    title = "Email address already registered"
    sentence = "An account with this email address exists; sign in instead."


class UserNotFound(NotFound):
    """No such user."""

    code = "user_not_found"
    title = "User not found"
    sentence = "There is no user {user_id}."
    example: ClassVar[Mapping[str, Any]] = {"user_id": "usr_3f9ad2c4b1e05d6f7a88"}


class LastAdmin(Conflict):
    """The only admin cannot lose the role: nobody could give it back."""

    code = "last_admin"
    title = "Last admin"
    sentence = "{user_id} is the only admin; give somebody else the role first."
    example: ClassVar[Mapping[str, Any]] = {"user_id": "usr_3f9ad2c4b1e05d6f7a88"}


# --- courses ----------------------------------------------------------------------------------------------


class CourseNotFound(NotFound):
    """No such course, or somebody else's draft."""

    code = "course_not_found"
    title = "Course not found"
    sentence = "There is no course {course_id}."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class LessonNotFound(NotFound):
    """The course has no such lesson."""

    code = "lesson_not_found"
    title = "Lesson not found"
    sentence = "Course {course_id} has no lesson {lesson_id}."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics", "lesson_id": "spans"}


class QuizNotFound(NotFound):
    """The course has no such quiz."""

    code = "quiz_not_found"
    title = "Quiz not found"
    sentence = "Course {course_id} has no quiz {quiz_id}."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics", "quiz_id": "final"}


class CourseExists(Conflict):
    """The course's identifier is taken."""

    code = "course_exists"
    title = "Course already exists"
    sentence = "Course {course_id} already exists; choose another title or give a slug."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class CourseChanged(Conflict):
    """Concurrent edits of the course kept colliding."""

    code = "course_changed"
    title = "Course changed concurrently"
    sentence = "Course {course_id} was changed by somebody else at the same time; read it again and retry."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class CourseIncomplete(Conflict):
    """A course without a lesson cannot be published."""

    code = "course_incomplete"
    title = "Course is incomplete"
    sentence = "Course {course_id} has no lesson yet; add one before you publish it."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class TooManyLessons(Conflict):
    """The course has the maximum number of lessons."""

    code = "too_many_lessons"
    title = "Too many lessons"
    sentence = "Course {course_id} already has {limit} lessons, the maximum."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics", "limit": 100}


class TooManyQuizzes(Conflict):
    """The course has the maximum number of quizzes."""

    code = "too_many_quizzes"
    title = "Too many quizzes"
    sentence = "Course {course_id} already has {limit} quizzes, the maximum."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics", "limit": 20}


class CatalogueFull(Conflict):
    """The catalogue has the maximum number of courses."""

    code = "catalogue_full"
    title = "Catalogue is full"
    sentence = "The catalogue already lists {limit} courses, the maximum."
    example: ClassVar[Mapping[str, Any]] = {"limit": 10_000}


class NotCourseOwner(Forbidden):
    """The course belongs to another instructor."""

    code = "not_course_owner"
    title = "Not your course"
    sentence = "Course {course_id} belongs to another instructor."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class LessonOrderInvalid(Invalid):
    """An order must name every lesson of the course exactly once."""

    code = "lesson_order_invalid"
    title = "Lesson order not valid"
    sentence = "The order must name every lesson of {course_id} exactly once."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


# --- enrollments ------------------------------------------------------------------------------------------


class CourseFull(Conflict):
    """Every seat is taken."""

    code = "course_full"
    title = "Course is full"
    sentence = "All {capacity} seats of {course_id} are taken."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics", "capacity": 30}


class CourseNotPublished(Conflict):
    """Nobody can enrol in a draft."""

    code = "course_not_published"
    title = "Course is not published"
    sentence = "Course {course_id} is a draft; it must be published before anybody can enrol."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class EnrollmentBusy(Conflict):
    """Concurrent requests of one learner for one course kept colliding."""

    code = "enrollment_busy"
    title = "Enrollment is changing"
    sentence = "Several requests are changing your enrolment in {course_id} at once; try again."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class EnrollmentCompleted(Conflict):
    """A learner who has completed a course cannot withdraw from it."""

    code = "enrollment_completed"
    title = "Course already completed"
    sentence = "You have completed {course_id}; you cannot withdraw from a completed course."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class NotEnrolled(Forbidden):
    """The caller has no seat in the course."""

    code = "not_enrolled"
    title = "Not enrolled"
    sentence = "Enrol in {course_id} first."
    example: ClassVar[Mapping[str, Any]] = {"course_id": "tracing-basics"}


class CertificateNotFound(NotFound):
    """No such certificate was issued."""

    code = "certificate_not_found"
    title = "Certificate not found"
    sentence = "No certificate {certificate_id} was issued here."
    example: ClassVar[Mapping[str, Any]] = {"certificate_id": "crt_9b1f6c0d2e3a4b5c6d7e8f9012345678"}


# --- submissions ------------------------------------------------------------------------------------------


class AttemptsExhausted(Conflict):
    """No attempts are left."""

    code = "attempts_exhausted"
    title = "No attempts left"
    sentence = "All {limit} attempts at quiz {quiz_id} have been used."
    example: ClassVar[Mapping[str, Any]] = {"quiz_id": "final", "limit": 3}


class AnswersInvalid(Invalid):
    """The answers do not fit the quiz."""

    code = "answers_invalid"
    title = "Answers do not fit the quiz"
    sentence = "{count} answer(s) do not fit quiz {quiz_id}; see errors."
    example: ClassVar[Mapping[str, Any]] = {"quiz_id": "final", "count": 1}


class SubmissionNotFound(NotFound):
    """No such submission, or one that the caller may not see."""

    code = "submission_not_found"
    title = "Submission not found"
    sentence = "There is no submission {submission_id}."
    example: ClassVar[Mapping[str, Any]] = {
        "submission_id": "usr_3f9ad2c4b1e05d6f7a88:tracing-basics:final:1"
    }
