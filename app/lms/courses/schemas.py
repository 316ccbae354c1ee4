from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from app.core.identifiers import MAX_SLUG_LENGTH, SLUG_PATTERN
from app.lms.courses.records import (
    MAX_LESSONS,
    MAX_QUIZZES,
    Course,
    CourseState,
    LessonOutline,
    Quiz,
    QuizOutline,
)
from otel import redact

MAX_CHOICES: Final = 10

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=MAX_SLUG_LENGTH + 4)]


def _impersonal(slug: str) -> str:
    if redact(slug) != slug:
        raise ValueError(
            "must not be a card, account or telephone number, or a secret: it appears in URLs and logs"
        )
    return slug


NewSlug = Annotated[Slug, AfterValidator(_impersonal)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Minutes = Annotated[int, Field(ge=1, le=600)]
Capacity = Annotated[int, Field(ge=1, le=5000, description="Most learners at the same time.")]


class LessonIn(BaseModel):
    """Adds or replaces a lesson."""

    title: Title = Field(examples=["Spans"])
    content: Text = Field(examples=["A span is one operation, with a start, an end and a parent."])
    minutes: Minutes = Field(default=10, examples=[15])


class NewLesson(LessonIn):
    """Adds a lesson, at the end unless a position is given."""

    position: int | None = Field(
        default=None, ge=1, le=MAX_LESSONS, description="Position in the course, from 1.", examples=[2]
    )


class QuestionIn(BaseModel):
    """A question with one correct choice."""

    text: Title = Field(examples=["What has a parent?"])
    choices: list[Title] = Field(min_length=2, max_length=MAX_CHOICES, examples=[["A span", "A metric"]])
    correct: int = Field(
        ge=0, lt=MAX_CHOICES, description="Index of the correct choice, from 0.", examples=[0]
    )

    @model_validator(mode="after")
    def _correct_is_a_choice(self) -> Self:
        if self.correct >= len(self.choices):
            raise ValueError(f"correct is {self.correct}, but there are only {len(self.choices)} choices")
        return self


class QuizIn(BaseModel):
    """Adds a quiz; its questions are numbered q1, q2 and so on."""

    title: Title = Field(examples=["Final"])
    questions: list[QuestionIn] = Field(min_length=1, max_length=100)
    pass_score: float = Field(default=0.7, ge=0, le=1, description="Share of correct answers needed to pass.")
    max_attempts: int = Field(default=3, ge=1, le=20)


class CourseIn(BaseModel):
    """Creates a course as a draft. Its identifier is the slug, or derived from the title."""

    title: Title = Field(examples=["Tracing basics"])
    description: Text = Field(examples=["From the first span to the whole picture."])
    capacity: Capacity = Field(examples=[30])
    slug: NewSlug | None = Field(default=None, examples=["tracing-basics"])
    lessons: list[LessonIn] = Field(default=[], max_length=MAX_LESSONS)
    quizzes: list[QuizIn] = Field(default=[], max_length=MAX_QUIZZES)


class CourseChange(BaseModel):
    """Changes the given fields. A capacity below the number of learners removes nobody."""

    title: Title | None = Field(default=None, examples=["Tracing in depth"])
    description: Text | None = Field(default=None, examples=["From spans to service level objectives."])
    capacity: Capacity | None = Field(default=None, examples=[50])


class LessonOrder(BaseModel):
    """Puts the lessons in this order."""

    lesson_ids: list[Slug] = Field(max_length=MAX_LESSONS, examples=[["spans", "metrics"]])


class CourseOut(BaseModel):
    """A course with its outline."""

    id: str = Field(examples=["tracing-basics"])
    title: str = Field(examples=["Tracing basics"])
    description: str = Field(examples=["From the first span to the whole picture."])
    capacity: int = Field(examples=[30])
    state: CourseState
    instructor_id: str = Field(examples=["usr_3f9ad2c4b1e05d6f7a88"])
    lessons: list[LessonOutline]
    quizzes: list[QuizOutline]
    created_at: datetime
    published_at: datetime | None

    @classmethod
    def of(cls, course: Course) -> Self:
        """Returns the public fields of ``course``."""
        return cls.model_validate(course.model_dump(exclude={"version"}))


class LessonOut(BaseModel):
    """A lesson with its content."""

    id: str = Field(examples=["spans"])
    course_id: str = Field(examples=["tracing-basics"])
    title: str = Field(examples=["Spans"])
    minutes: int = Field(examples=[15])
    content: str = Field(examples=["A span is one operation, with a start, an end and a parent."])


class QuestionOut(BaseModel):
    """A question, without its answer."""

    id: str = Field(examples=["q1"])
    text: str = Field(examples=["What has a parent?"])
    choices: list[str] = Field(examples=[["A span", "A metric"]])


class QuizOut(BaseModel):
    """A quiz, without its answers."""

    id: str = Field(examples=["final"])
    course_id: str = Field(examples=["tracing-basics"])
    title: str = Field(examples=["Final"])
    pass_score: float = Field(description="Share of correct answers needed to pass.", examples=[0.7])
    max_attempts: int = Field(examples=[3])
    questions: list[QuestionOut]

    @classmethod
    def of(cls, quiz: Quiz) -> Self:
        """Returns what a learner may see of ``quiz``."""
        shown = quiz.model_dump(include={"course_id", "title", "pass_score", "max_attempts"})
        questions = [QuestionOut.model_validate(question.model_dump()) for question in quiz.questions]
        return cls(id=quiz.quiz_id, questions=questions, **shown)


class CatalogueItem(BaseModel):
    """A published course on a catalogue page."""

    id: str = Field(examples=["tracing-basics"])
    title: str = Field(examples=["Tracing basics"])
    description: str = Field(examples=["From the first span to the whole picture."])
    capacity: int = Field(examples=[30])
    lessons: int = Field(description="Number of lessons.", examples=[8])
    quizzes: int = Field(description="Number of quizzes.", examples=[1])

    @classmethod
    def of(cls, course: Course) -> Self:
        """Returns what the catalogue shows of ``course``."""
        shown = course.model_dump(include={"id", "title", "description", "capacity"})
        return cls(lessons=len(course.lessons), quizzes=len(course.quizzes), **shown)


class CataloguePage(BaseModel):
    """Published courses by identifier; ``last_id`` is the last one's, if another page follows."""

    items: list[CatalogueItem]
    last_id: str | None


class CatalogueOut(BaseModel):
    """A page of published courses, by identifier."""

    items: list[CatalogueItem]
    next_cursor: str | None = Field(
        description="`cursor` of the next page; null on the last.", examples=["dHJhY2luZy1iYXNpY3M"]
    )
