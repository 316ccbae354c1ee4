"""The stored form of courses."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.core.records import Record
from app.core.security import Principal

MAX_LESSONS: Final = 100
MAX_QUIZZES: Final = 20


class CourseState(StrEnum):
    """Who can see a course: its authors, or everybody."""

    DRAFT = "draft"
    PUBLISHED = "published"


class LessonOutline(BaseModel):
    """A lesson without its content."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["spans"])
    title: str = Field(examples=["Spans"])
    minutes: int = Field(examples=[15])


class QuizOutline(BaseModel):
    """A quiz without its questions."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["final"])
    title: str = Field(examples=["Final"])
    pass_score: float = Field(examples=[0.7])
    max_attempts: int = Field(examples=[3])


class StoredLesson(LessonOutline):
    """A lesson as its course refers to it; ``document`` identifies its stored content."""

    document: str


class StoredQuiz(QuizOutline):
    """A quiz as its course refers to it; ``document`` identifies its stored questions."""

    document: str


class Course(Record):
    """A stored course: the outline that the catalogue, enrolment and progress read.

    ``version`` grows with each change. The contents of lessons and quizzes are stored separately, before
    they are referred to here.
    """

    title: str
    description: str
    capacity: int
    state: CourseState
    instructor_id: str
    lessons: tuple[StoredLesson, ...]
    quizzes: tuple[StoredQuiz, ...]
    version: int
    created_at: datetime
    published_at: datetime | None = None

    @field_validator("lessons", "quizzes", mode="before")
    @classmethod
    def _earlier_names(cls, stored: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - what the database has
        """Fills in ``document`` for contents stored before their documents had identifiers of their own."""
        return [
            {"document": f"{info.data['id']}:{each['id']}", **each} if isinstance(each, dict) else each
            for each in stored
        ]

    @property
    def is_published(self) -> bool:
        """Tells whether learners can see the course."""
        return self.state is CourseState.PUBLISHED

    def may_edit(self, principal: Principal | None) -> bool:
        """Tells whether ``principal`` is an author of the course."""
        return principal is not None and (principal.is_admin or principal.id == self.instructor_id)


class LessonContent(Record):
    """The content of a lesson, stored once and never changed."""

    course_id: str
    content: str


class Question(BaseModel):
    """A question with one correct choice; ``correct`` is its index from 0."""

    model_config = ConfigDict(frozen=True)

    id: str
    text: str
    choices: tuple[str, ...]
    correct: int


class QuizContent(Record):
    """The questions of a quiz, stored once and never changed."""

    course_id: str
    questions: tuple[Question, ...]


class Quiz(BaseModel):
    """A quiz with its questions and their answers; ``id`` is ``course:quiz``."""

    model_config = ConfigDict(frozen=True)

    id: str
    course_id: str
    quiz_id: str
    title: str
    questions: tuple[Question, ...]
    pass_score: float
    max_attempts: int

    @classmethod
    def of(cls, course_id: str, outline: QuizOutline, content: QuizContent) -> Self:
        """Returns a course's quiz, assembled from its outline and its content."""
        return cls(
            id=f"{course_id}:{outline.id}",
            course_id=course_id,
            quiz_id=outline.id,
            title=outline.title,
            questions=content.questions,
            pass_score=outline.pass_score,
            max_attempts=outline.max_attempts,
        )
