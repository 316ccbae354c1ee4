"""The contents of lessons and quizzes, in documents of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from app.core.errors import DatabaseUnavailable
from app.core.identifiers import new_id, slug, unused_slug
from app.lms.courses.records import (
    MAX_LESSONS,
    MAX_QUIZZES,
    Course,
    LessonContent,
    Question,
    QuizContent,
    StoredLesson,
    StoredQuiz,
)
from app.lms.courses.repository import CourseRepository
from app.lms.courses.schemas import LessonIn, QuizIn
from app.lms.refusals import TooManyLessons, TooManyQuizzes
from otel import get_logger

_Stored = TypeVar("_Stored", StoredLesson, StoredQuiz)
_log = get_logger(service="courses")


class Contents:
    """Stores contents before the course refers to them.

    The single write of the course's document makes a change visible as a whole or not at all: contents that
    no course refers to are invisible and block nothing.
    """

    def __init__(self, repository: CourseRepository) -> None:
        self._repository = repository

    async def lessons(self, course_id: str, new: Sequence[LessonIn]) -> tuple[StoredLesson, ...]:
        """Stores the contents of new lessons; returns their outlines, numbered as the course's only ones."""
        contents = [
            LessonContent(id=new_id("lsn"), course_id=course_id, content=each.content) for each in new
        ]
        await self._repository.insert_lessons(contents)
        return numbered(_lesson(each, content.id) for each, content in zip(new, contents, strict=True))

    async def quizzes(self, course_id: str, new: Sequence[QuizIn]) -> tuple[StoredQuiz, ...]:
        """Stores the questions of new quizzes; returns their outlines, numbered as the course's only ones."""
        contents = [_questions(course_id, each) for each in new]
        await self._repository.insert_quizzes(contents)
        return numbered(_quiz(each, content.id) for each, content in zip(new, contents, strict=True))

    async def discard(self, lessons: Iterable[StoredLesson] = (), quizzes: Iterable[StoredQuiz] = ()) -> None:
        """Removes contents that no course refers to; never fails, because it only tidies up."""
        try:
            for lesson in lessons:
                await self._repository.delete_lesson(lesson.document)
            for quiz in quizzes:
                await self._repository.delete_quiz(quiz.document)
        except DatabaseUnavailable:
            _log.warning("content_not_discarded")


def numbered(new: Iterable[_Stored], taken: Collection[str] = ()) -> tuple[_Stored, ...]:
    """Returns ``new``, each with the first free slug: neither in ``taken`` nor an earlier one's."""
    known = set(taken)
    found = []
    for each in new:
        free = unused_slug(each.title, known)
        known.add(free)
        found.append(each.model_copy(update={"id": free}))
    return tuple(found)


def require_room_for_lesson(course: Course) -> None:
    """Returns if the course may have one more lesson.

    Raises:
        TooManyLessons: It may not.
    """
    if len(course.lessons) >= MAX_LESSONS:
        raise TooManyLessons(course_id=course.id, limit=MAX_LESSONS)


def require_room_for_quiz(course: Course) -> None:
    """Returns if the course may have one more quiz.

    Raises:
        TooManyQuizzes: It may not.
    """
    if len(course.quizzes) >= MAX_QUIZZES:
        raise TooManyQuizzes(course_id=course.id, limit=MAX_QUIZZES)


def with_lesson(course: Course, stored: Sequence[StoredLesson], position: int | None) -> Course:
    """Returns the course with a stored lesson at its position from 1, or at the end.

    Raises:
        TooManyLessons: The course has the maximum number.
    """
    require_room_for_lesson(course)
    lesson = numbered(stored, [known.id for known in course.lessons])
    place = len(course.lessons) if position is None else position - 1
    lessons = (*course.lessons[:place], *lesson, *course.lessons[place:])
    return course.model_copy(update={"lessons": lessons})


def with_quiz(course: Course, stored: Sequence[StoredQuiz]) -> Course:
    """Returns the course with a stored quiz at the end.

    Raises:
        TooManyQuizzes: The course has the maximum number.
    """
    require_room_for_quiz(course)
    quiz = numbered(stored, [known.id for known in course.quizzes])
    return course.model_copy(update={"quizzes": (*course.quizzes, *quiz)})


def _lesson(new: LessonIn, document: str) -> StoredLesson:
    return StoredLesson(id=slug(new.title), title=new.title, minutes=new.minutes, document=document)


def _quiz(new: QuizIn, document: str) -> StoredQuiz:
    limits = {"pass_score": new.pass_score, "max_attempts": new.max_attempts}
    return StoredQuiz(id=slug(new.title), title=new.title, document=document, **limits)


def _questions(course_id: str, new: QuizIn) -> QuizContent:
    numbers = enumerate(new.questions, start=1)
    questions = tuple(Question(id=f"q{number}", **each.model_dump()) for number, each in numbers)
    return QuizContent(id=new_id("quz"), course_id=course_id, questions=questions)
