from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from app.core.records import Record


class EnrollmentState(StrEnum):
    """Whether the learner is active, has withdrawn, or has completed the course."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    COMPLETED = "completed"


class Enrollment(Record):
    """A stored enrolment; ``id`` is ``user:course``, so a learner has one per course.

    ``claim`` identifies its seat. The maps hold when each lesson was done and each quiz passed, by
    identifier.
    """

    user_id: str
    course_id: str
    state: EnrollmentState
    claim: str
    enrolled_at: datetime
    lessons_done: dict[str, datetime] = Field(default={})
    quizzes_passed: dict[str, datetime] = Field(default={})
    completed_at: datetime | None = None
    certificate_id: str | None = None

    @property
    def holds_seat(self) -> bool:
        """Tells whether this enrolment takes up a seat in the course."""
        return self.state is not EnrollmentState.WITHDRAWN


class Claim(BaseModel):
    """A taken seat; ``claim`` distinguishes successive claims by the same learner."""

    model_config = ConfigDict(frozen=True)

    claim: str
    at: datetime


class Seats(Record):
    """The seats of a course; ``id`` is the course's. ``checked_at`` is when the holders were last checked.

    ``free + len(holders) == capacity`` holds in every version of the document.
    """

    capacity: int
    free: int
    checked_at: datetime
    holders: dict[str, Claim] = Field(default={})


class EnrollmentOut(BaseModel):
    """An enrolment."""

    id: str = Field(examples=["usr_3f9ad2c4b1e05d6f7a88:tracing-basics"])
    user_id: str = Field(examples=["usr_3f9ad2c4b1e05d6f7a88"])
    course_id: str = Field(examples=["tracing-basics"])
    state: EnrollmentState
    enrolled_at: datetime
    completed_at: datetime | None
    certificate_id: str | None = Field(examples=["crt_9b1f6c0d2e3a4b5c6d7e8f9012345678"])

    @classmethod
    def of(cls, enrollment: Enrollment) -> Self:
        """Returns the public fields of ``enrollment``."""
        return cls.model_validate(enrollment.model_dump(include=set(cls.model_fields)))


class Progress(BaseModel):
    """A learner's progress in a course."""

    course_id: str = Field(examples=["tracing-basics"])
    state: EnrollmentState
    lessons_done: list[str] = Field(examples=[["spans"]])
    lessons_total: int = Field(examples=[8])
    quizzes_passed: list[str] = Field(examples=[[]])
    quizzes_total: int = Field(examples=[1])
    percent: int = Field(description="Percentage of lessons and quizzes that are done.", examples=[11])
    certificate_id: str | None = Field(examples=["crt_9b1f6c0d2e3a4b5c6d7e8f9012345678"])
