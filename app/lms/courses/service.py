from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable, LmsError
from app.core.identifiers import slug
from app.core.security import Principal
from app.core.telemetry import COURSES_PUBLISHED
from app.infra.mongo import DuplicateId
from app.lms.courses.catalogue import Catalogue
from app.lms.courses.contents import (
    Contents,
    require_room_for_lesson,
    require_room_for_quiz,
    with_lesson,
    with_quiz,
)
from app.lms.courses.records import Course, CourseState, Quiz, StoredLesson, StoredQuiz
from app.lms.courses.repository import CourseRepository
from app.lms.courses.schemas import (
    CataloguePage,
    CourseChange,
    CourseIn,
    LessonIn,
    LessonOut,
    NewLesson,
    QuizIn,
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
)
from otel import breadcrumb, get_logger, traced

MAX_LISTED: Final = 10_000
"""Most courses in the catalogue, which is one document."""

_EDIT_TRIES: Final = 5
_log = get_logger(service="courses")


class CourseService:
    """Courses, as authors edit them and learners find them.

    A draft is visible to its authors only. An edit is stored as the next version of the one that was read;
    when two collide, the later one is applied again to the result of the first.
    """

    def __init__(
        self, repository: CourseRepository, contents: Contents, catalogue: Catalogue, clock: Clock
    ) -> None:
        self._repository = repository
        self._contents = contents
        self._catalogue = catalogue
        self._clock = clock

    async def catalogue(self, after: str | None, limit: int) -> CataloguePage:
        """Returns the ``limit`` published courses that follow the identifier ``after``, by identifier."""
        return await self._catalogue.page(after, limit)

    @traced("courses.create")
    async def create(self, author: Principal, new: CourseIn) -> Course:
        """Creates a draft with its lessons and quizzes, and returns it.

        Raises:
            CourseExists: The identifier is taken.
        """
        course_id = new.slug or slug(new.title)
        if await self._repository.find(course_id) is not None:
            raise CourseExists(course_id=course_id)
        course = Course(
            id=course_id,
            title=new.title,
            description=new.description,
            capacity=new.capacity,
            state=CourseState.DRAFT,
            instructor_id=author.id,
            lessons=await self._contents.lessons(course_id, new.lessons),
            quizzes=await self._contents.quizzes(course_id, new.quizzes),
            version=1,
            created_at=self._clock.now(),
        )
        try:
            await self._repository.insert(course)
        except DuplicateId as error:
            await self._contents.discard(course.lessons, course.quizzes)
            raise CourseExists(course_id=course_id) from error
        counts = {"lessons": len(course.lessons), "quizzes": len(course.quizzes)}
        _log.info("course_created", course_id=course_id, **counts)
        return course

    async def visible(self, course_id: str, viewer: Principal | None) -> Course:
        """Returns a course that ``viewer`` may see: published, or their own.

        Raises:
            CourseNotFound: There is none, or it is somebody else's draft.
        """
        course = await self._repository.find(course_id)
        if course is None or not (course.is_published or course.may_edit(viewer)):
            raise CourseNotFound(course_id=course_id)
        return course

    @traced("courses.update", arguments=("course_id",))
    async def update(self, course_id: str, author: Principal, change: CourseChange) -> Course:
        """Changes the given fields and returns the course.

        Raises:
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        given = change.model_dump(exclude_none=True)
        return await self._edit(course_id, author, lambda course: course.model_copy(update=given))

    @traced("courses.publish", arguments=("course_id",))
    async def publish(self, course_id: str, author: Principal) -> Course:
        """Adds a course to the catalogue and returns it; repeating it changes nothing.

        Raises:
            CourseIncomplete: It has no lesson.
            CatalogueFull: The catalogue has the maximum number of courses.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        now = self._clock.now()

        def published(course: Course) -> Course:
            if not course.lessons:
                raise CourseIncomplete(course_id=course_id)
            changes = {"state": CourseState.PUBLISHED, "published_at": now}
            return course if course.is_published else course.model_copy(update=changes)

        published(await self._owned(course_id, author))
        listed = await self._repository.listed()
        if len(listed) >= MAX_LISTED and course_id not in listed:
            raise CatalogueFull(limit=MAX_LISTED)
        # Listed first: nobody sees a draft in the catalogue, and a published course is never missing there.
        await self._repository.add_to_catalogue(course_id)
        course = await self._edit(course_id, author, published)
        await self._catalogue.invalidate()
        if course.published_at == now:
            COURSES_PUBLISHED.add(1)
            breadcrumb("lms.published", course_id=course_id)
            _log.info("course_published", course_id=course_id)
        return course

    @traced("courses.add_lesson", arguments=("course_id",))
    async def add_lesson(self, course_id: str, author: Principal, new: NewLesson) -> Course:
        """Adds a lesson, at its position from 1 or at the end, and returns the course.

        Raises:
            TooManyLessons: It has the maximum number of lessons.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        require_room_for_lesson(await self._owned(course_id, author))
        stored = await self._contents.lessons(course_id, [new])
        return await self._edit(
            course_id, author, lambda course: with_lesson(course, stored, new.position), lessons=stored
        )

    @traced("courses.replace_lesson", arguments=("course_id", "lesson_id"))
    async def replace_lesson(
        self, course_id: str, lesson_id: str, author: Principal, lesson: LessonIn
    ) -> Course:
        """Replaces a lesson's title, content and length, and returns the course.

        Raises:
            LessonNotFound: The course has no such lesson.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        replaced = _lesson_of(await self._owned(course_id, author), lesson_id)
        stored = await self._contents.lessons(course_id, [lesson])
        new = stored[0].model_copy(update={"id": lesson_id})

        def with_lesson(course: Course) -> Course:
            nonlocal replaced
            replaced = _lesson_of(course, lesson_id)
            lessons = tuple(new if old.id == lesson_id else old for old in course.lessons)
            return course.model_copy(update={"lessons": lessons})

        course = await self._edit(course_id, author, with_lesson, lessons=stored)
        await self._contents.discard([replaced])
        return course

    @traced("courses.order_lessons", arguments=("course_id",))
    async def order_lessons(self, course_id: str, author: Principal, lesson_ids: Collection[str]) -> Course:
        """Puts the lessons in the order of ``lesson_ids`` and returns the course.

        Raises:
            LessonOrderInvalid: The order does not name every lesson exactly once.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """

        def ordered(course: Course) -> Course:
            by_id = {lesson.id: lesson for lesson in course.lessons}
            if sorted(lesson_ids) != sorted(by_id):
                raise LessonOrderInvalid(course_id=course_id)
            return course.model_copy(update={"lessons": tuple(by_id[lesson_id] for lesson_id in lesson_ids)})

        return await self._edit(course_id, author, ordered)

    @traced("courses.add_quiz", arguments=("course_id",))
    async def add_quiz(self, course_id: str, author: Principal, new: QuizIn) -> Course:
        """Adds a quiz and returns the course.

        Raises:
            TooManyQuizzes: It has the maximum number of quizzes.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        require_room_for_quiz(await self._owned(course_id, author))
        stored = await self._contents.quizzes(course_id, [new])
        return await self._edit(course_id, author, lambda course: with_quiz(course, stored), quizzes=stored)

    async def lesson(self, course: Course, lesson_id: str) -> LessonOut:
        """Returns a lesson of ``course`` with its content.

        Raises:
            LessonNotFound: The course has no such lesson.
        """
        for _ in range(_EDIT_TRIES):
            outline = _lesson_of(course, lesson_id)
            stored = await self._repository.find_lesson(outline.document)
            if stored is not None:
                return LessonOut(course_id=course.id, content=stored.content, **outline.model_dump())
            # It was replaced since the course was read.
            course = await self._repository.find(course.id) or course
        raise LessonNotFound(course_id=course.id, lesson_id=lesson_id)

    async def quiz(self, course: Course, quiz_id: str) -> Quiz:
        """Returns a quiz of ``course`` with its answers.

        Raises:
            QuizNotFound: The course has no such quiz.
        """
        outline = next((quiz for quiz in course.quizzes if quiz.id == quiz_id), None)
        content = await self._repository.find_quiz(outline.document) if outline else None
        if outline is None or content is None:
            raise QuizNotFound(course_id=course.id, quiz_id=quiz_id)
        return Quiz.of(course.id, outline, content)

    async def _owned(self, course_id: str, author: Principal) -> Course:
        course = await self.visible(course_id, author)
        if not course.may_edit(author):
            raise NotCourseOwner(course_id=course_id)
        return course

    async def _edit(
        self,
        course_id: str,
        author: Principal,
        change: Callable[[Course], Course],
        *,
        lessons: Sequence[StoredLesson] = (),
        quizzes: Sequence[StoredQuiz] = (),
    ) -> Course:
        """Applies ``change`` to the latest version, stores the result and returns it.

        ``lessons`` and ``quizzes`` are the contents that the change refers to; a refusal removes them.

        Raises:
            CourseNotFound: There is no such course, or it is somebody else's draft.
            NotCourseOwner: It belongs to somebody else.
            CourseChanged: Other edits were faster, five times.
        """
        try:
            return await self._changed(course_id, author, change)
        except DatabaseUnavailable:
            # The change may or may not be stored: keep its contents, and drop what is cached.
            await self._catalogue.invalidate()
            raise
        except LmsError:
            await self._contents.discard(lessons, quizzes)
            raise

    async def _changed(self, course_id: str, author: Principal, change: Callable[[Course], Course]) -> Course:
        for _ in range(_EDIT_TRIES):
            course = await self._owned(course_id, author)
            changed = change(course)
            if changed is course:
                return course
            if await self._repository.replace(changed):
                if changed.is_published:
                    await self._catalogue.invalidate()
                return changed
        raise CourseChanged(course_id=course_id)


def _lesson_of(course: Course, lesson_id: str) -> StoredLesson:
    lesson = next((lesson for lesson in course.lessons if lesson.id == lesson_id), None)
    if lesson is None:
        raise LessonNotFound(course_id=course.id, lesson_id=lesson_id)
    return lesson
