from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response, status

from app.http.auth import TOKEN_REFUSALS, SignedIn
from app.http.problems import refusals
from app.lms.courses.router import CourseId, QuizId
from app.lms.refusals import (
    AnswersInvalid,
    AttemptsExhausted,
    CourseNotFound,
    NotEnrolled,
    QuizNotFound,
    SubmissionNotFound,
)
from app.lms.services import Lms
from app.lms.submissions.schemas import Answers, IdempotencyKey, SubmissionId, SubmissionOut

QUIZ_REFUSALS = (*TOKEN_REFUSALS, CourseNotFound, QuizNotFound, NotEnrolled)
Key = Annotated[
    IdempotencyKey | None,
    Header(
        alias="Idempotency-Key",
        description="Your key for this answer: sent again under it, the answer costs no attempt.",
    ),
]

router = APIRouter(tags=["submissions"])


@router.post(
    "/courses/{course_id}/quizzes/{quiz_id}/submissions",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": SubmissionOut, "description": "Already stored under the same key"},
        **refusals(*QUIZ_REFUSALS, AnswersInvalid, AttemptsExhausted),
    },
)
async def submit(
    course_id: CourseId,
    quiz_id: QuizId,
    answers: Answers,
    learner: SignedIn,
    response: Response,
    lms: Lms,
    key: Key = None,
) -> SubmissionOut:
    """Grades an answer; the response means that the answer is on disk."""
    submission, is_new = await lms.submissions.submit(learner, course_id, quiz_id, answers.answers, key)
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return SubmissionOut.of(submission)


@router.get("/courses/{course_id}/quizzes/{quiz_id}/submissions", responses=refusals(*QUIZ_REFUSALS))
async def mine(course_id: CourseId, quiz_id: QuizId, learner: SignedIn, lms: Lms) -> list[SubmissionOut]:
    """Lists the caller's answers to a quiz, the oldest first."""
    return [SubmissionOut.of(each) for each in await lms.submissions.mine(learner, course_id, quiz_id)]


@router.get("/submissions/{submission_id}", responses=refusals(*TOKEN_REFUSALS, SubmissionNotFound))
async def read(submission_id: Annotated[SubmissionId, Path()], reader: SignedIn, lms: Lms) -> SubmissionOut:
    """Returns an answer to the learner who gave it and to the authors of the course."""
    return SubmissionOut.of(await lms.submissions.get(reader, submission_id))
