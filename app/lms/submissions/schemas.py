from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from app.core.identifiers import SLUG_PATTERN
from app.core.records import Record

SubmissionId = Annotated[
    str,
    StringConstraints(
        pattern=rf"^usr_[0-9a-f]{{20}}:{SLUG_PATTERN[1:-1]}:{SLUG_PATTERN[1:-1]}:[0-9]{{1,2}}$",
        max_length=160,
    ),
    Field(examples=["usr_3f9ad2c4b1e05d6f7a88:tracing-basics:final:1"]),
]
QuestionId = Annotated[str, StringConstraints(pattern=r"^q[0-9]{1,3}$")]
IdempotencyKey = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$", max_length=64), Field(examples=["try-1"])
]


class Submission(Record):
    """A stored and graded answer, never changed; ``id`` is ``user:course:quiz:attempt``, from 1.

    ``series`` is ``user:course:quiz``; ``key`` is the client's idempotency key.
    """

    series: str
    user_id: str
    course_id: str
    quiz_id: str
    attempt: int
    answers: dict[str, int]
    score: float
    passed: bool
    key: str | None
    submitted_at: datetime


class Answers(BaseModel):
    """Answers a quiz: for each question the index of a choice, from 0. A question left out is wrong."""

    answers: dict[QuestionId, Annotated[int, Field(ge=0, le=9)]] = Field(
        max_length=100, examples=[{"q1": 0, "q2": 3}]
    )


class SubmissionOut(BaseModel):
    """A graded answer."""

    id: str = Field(examples=["usr_3f9ad2c4b1e05d6f7a88:tracing-basics:final:1"])
    user_id: str = Field(examples=["usr_3f9ad2c4b1e05d6f7a88"])
    course_id: str = Field(examples=["tracing-basics"])
    quiz_id: str = Field(examples=["final"])
    attempt: int = Field(description="Number of the attempt, from 1.", examples=[1])
    answers: dict[str, int] = Field(examples=[{"q1": 0, "q2": 3}])
    score: float = Field(description="Share of correct answers.", examples=[0.5])
    passed: bool
    submitted_at: datetime

    @classmethod
    def of(cls, submission: Submission) -> Self:
        """Returns the public fields of ``submission``."""
        return cls.model_validate(submission.model_dump(include=set(cls.model_fields)))
