from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, status

from app.core.errors import CursorInvalid, RoleRequired
from app.http.auth import TOKEN_REFUSALS, Author, MaybeSignedIn, SignedIn
from app.http.pagination import DEFAULT_LIMIT, After, Limit, encode_cursor
from app.http.problems import refusals
from app.lms.courses.schemas import (
    CatalogueOut,
    CourseChange,
    CourseIn,
    CourseOut,
    LessonIn,
    LessonOrder,
    NewLesson,
    QuizIn,
    QuizOut,
    Slug,
)
from app.lms.refusals import (
    CatalogueFull,
    CourseChanged,
    CourseExists,
    CourseIncomplete,
    CourseNotFound,
    LessonNotFound,
    LessonOrderInvalid,
    NotCourseOwner,
    QuizNotFound,
    TooManyLessons,
    TooManyQuizzes,
)
from app.lms.services import Lms

CourseId = Annotated[Slug, Path(examples=["tracing-basics"])]
LessonId = Annotated[Slug, Path(examples=["spans"])]
QuizId = Annotated[Slug, Path(examples=["final"])]
EDIT_REFUSALS = (*TOKEN_REFUSALS, RoleRequired, NotCourseOwner, CourseNotFound, CourseChanged)

router = APIRouter(prefix="/courses", tags=["courses"])


@router.get("", responses=refusals(CursorInvalid))
async def catalogue(after: After, lms: Lms, limit: Limit = DEFAULT_LIMIT) -> CatalogueOut:
    """Lists published courses by identifier, a page at a time; open to anyone."""
    page = await lms.courses.catalogue(after, limit)
    return CatalogueOut(items=page.items, next_cursor=page.last_id and encode_cursor(page.last_id))


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses=refusals(*TOKEN_REFUSALS, RoleRequired, CourseExists)
)
async def create(course: CourseIn, author: Author, lms: Lms) -> CourseOut:
    """Creates a course as the caller's draft, with the given lessons and quizzes."""
    return CourseOut.of(await lms.courses.create(author, course))


@router.get("/{course_id}", responses=refusals(CourseNotFound))
async def read(course_id: CourseId, viewer: MaybeSignedIn, lms: Lms) -> CourseOut:
    """Returns a published course, or the caller's own draft."""
    return CourseOut.of(await lms.courses.visible(course_id, viewer))


@router.patch("/{course_id}", responses=refusals(*EDIT_REFUSALS))
async def update(course_id: CourseId, change: CourseChange, author: Author, lms: Lms) -> CourseOut:
    """Changes the given fields."""
    return CourseOut.of(await lms.courses.update(course_id, author, change))


@router.post("/{course_id}/publish", responses=refusals(*EDIT_REFUSALS, CourseIncomplete, CatalogueFull))
async def publish(course_id: CourseId, author: Author, lms: Lms) -> CourseOut:
    """Publishes the course in the catalogue; repeating it changes nothing."""
    return CourseOut.of(await lms.courses.publish(course_id, author))


@router.post(
    "/{course_id}/lessons",
    status_code=status.HTTP_201_CREATED,
    responses=refusals(*EDIT_REFUSALS, TooManyLessons),
)
async def add_lesson(course_id: CourseId, lesson: NewLesson, author: Author, lms: Lms) -> CourseOut:
    """Adds a lesson, at the end unless a position is given."""
    return CourseOut.of(await lms.courses.add_lesson(course_id, author, lesson))


@router.put("/{course_id}/lessons/{lesson_id}", responses=refusals(*EDIT_REFUSALS, LessonNotFound))
async def replace_lesson(
    course_id: CourseId, lesson_id: LessonId, lesson: LessonIn, author: Author, lms: Lms
) -> CourseOut:
    """Replaces a lesson's title, content and length."""
    return CourseOut.of(await lms.courses.replace_lesson(course_id, lesson_id, author, lesson))


@router.put("/{course_id}/lesson-order", responses=refusals(*EDIT_REFUSALS, LessonOrderInvalid))
async def order_lessons(course_id: CourseId, order: LessonOrder, author: Author, lms: Lms) -> CourseOut:
    """Puts the lessons in this order."""
    return CourseOut.of(await lms.courses.order_lessons(course_id, author, order.lesson_ids))


@router.post(
    "/{course_id}/quizzes",
    status_code=status.HTTP_201_CREATED,
    responses=refusals(*EDIT_REFUSALS, TooManyQuizzes),
)
async def add_quiz(course_id: CourseId, quiz: QuizIn, author: Author, lms: Lms) -> CourseOut:
    """Adds a quiz."""
    return CourseOut.of(await lms.courses.add_quiz(course_id, author, quiz))


@router.get(
    "/{course_id}/quizzes/{quiz_id}", responses=refusals(*TOKEN_REFUSALS, CourseNotFound, QuizNotFound)
)
async def read_quiz(course_id: CourseId, quiz_id: QuizId, viewer: SignedIn, lms: Lms) -> QuizOut:
    """Returns a quiz without its answers."""
    course = await lms.courses.visible(course_id, viewer)
    return QuizOut.of(await lms.courses.quiz(course, quiz_id))
