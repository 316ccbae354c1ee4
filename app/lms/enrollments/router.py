from __future__ import annotations

from fastapi import APIRouter, Response, status

from app.http.auth import TOKEN_REFUSALS, SignedIn
from app.http.problems import refusals
from app.lms.courses.router import CourseId, LessonId
from app.lms.courses.schemas import LessonOut
from app.lms.enrollments.schemas import EnrollmentOut, Progress
from app.lms.refusals import (
    CourseFull,
    CourseNotFound,
    CourseNotPublished,
    EnrollmentBusy,
    EnrollmentCompleted,
    LessonNotFound,
    NotEnrolled,
)
from app.lms.services import Lms

SEAT_REFUSALS = (*TOKEN_REFUSALS, CourseNotFound, NotEnrolled)

router = APIRouter(tags=["enrollments"])


@router.post(
    "/courses/{course_id}/enrollments",
    status_code=status.HTTP_201_CREATED,
    responses={
        200: {"model": EnrollmentOut, "description": "Already enrolled"},
        **refusals(*TOKEN_REFUSALS, CourseNotFound, CourseFull, CourseNotPublished, EnrollmentBusy),
    },
)
async def enroll(course_id: CourseId, learner: SignedIn, response: Response, lms: Lms) -> EnrollmentOut:
    """Enrols the caller; repeating it changes nothing and returns 200."""
    enrollment, is_new = await lms.enrollments.enroll(learner, course_id)
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return EnrollmentOut.of(enrollment)


@router.delete(
    "/courses/{course_id}/enrollments/me",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=refusals(*TOKEN_REFUSALS, NotEnrolled, EnrollmentCompleted),
)
async def withdraw(course_id: CourseId, learner: SignedIn, lms: Lms) -> None:
    """Withdraws the caller from the course and frees the seat; repeating it changes nothing."""
    await lms.enrollments.withdraw(learner, course_id)


@router.get("/enrollments", responses=refusals(*TOKEN_REFUSALS))
async def mine(learner: SignedIn, lms: Lms) -> list[EnrollmentOut]:
    """Lists the caller's enrolments, by course."""
    return [EnrollmentOut.of(enrollment) for enrollment in await lms.enrollments.mine(learner)]


@router.get("/courses/{course_id}/lessons/{lesson_id}", responses=refusals(*SEAT_REFUSALS, LessonNotFound))
async def read_lesson(course_id: CourseId, lesson_id: LessonId, reader: SignedIn, lms: Lms) -> LessonOut:
    """Returns a lesson to enrolled learners and to its author."""
    return await lms.enrollments.read_lesson(reader, course_id, lesson_id)


@router.put(
    "/courses/{course_id}/lessons/{lesson_id}/completion", responses=refusals(*SEAT_REFUSALS, LessonNotFound)
)
async def complete_lesson(course_id: CourseId, lesson_id: LessonId, learner: SignedIn, lms: Lms) -> Progress:
    """Marks the lesson as done; the last step completes the course and issues the certificate."""
    return await lms.enrollments.complete_lesson(learner, course_id, lesson_id)


@router.get("/courses/{course_id}/progress", responses=refusals(*SEAT_REFUSALS))
async def progress(course_id: CourseId, learner: SignedIn, lms: Lms) -> Progress:
    """Returns the caller's progress."""
    return await lms.enrollments.progress(learner, course_id)
