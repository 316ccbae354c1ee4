from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from app.core.clock import Clock
from app.core.identifiers import slug, unused_slug
from app.core.security import Principal
from app.core.telemetry import COURSES_PUBLISHED
from app.infra.mongo import DuplicateId
from app.lms.courses.catalogue import Catalogue
from app.lms.courses.repository import CourseRepository
from app.lms.courses.schemas import (
    CataloguePage,
    Course,
    CourseChange,
    CourseIn,
    CourseState,
    Lesson,
    LessonIn,
    LessonOut,
    LessonOutline,
    NewLesson,
    Quiz,
    QuizIn,
    QuizOutline,
)
from app.lms.refusals import (
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

_EDIT_TRIES: Final = 5
_log = get_logger(service="courses")


class CourseService:
    """Courses: what authors write and what learners find.

    A draft exists for its authors only. Edits are stored as a new version of the version that was read; when
    two cross, the later one is applied again to what the first one left.
    """

    def __init__(self, repository: CourseRepository, catalogue: Catalogue, clock: Clock) -> None:
        self._repository = repository
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
        course = Course(
            id=new.slug or slug(new.title),
            title=new.title,
            description=new.description,
            capacity=new.capacity,
            state=CourseState.DRAFT,
            instructor_id=author.id,
            lessons=(),
            quizzes=(),
            version=1,
            created_at=self._clock.now(),
        )
        try:
            # The course comes first: its identifier must be ours before anything is stored under it.
            await self._repository.insert(course)
        except DuplicateId as error:
            raise CourseExists(course_id=course.id) from error
        lessons = [await self._store_lesson(course.id, lesson) for lesson in new.lessons]
        quizzes = [await self._store_quiz(course.id, quiz) for quiz in new.quizzes]
        _log.info("course_created", course_id=course.id, lessons=len(lessons), quizzes=len(quizzes))
        outlines = {"lessons": tuple(lessons), "quizzes": tuple(quizzes)}
        return await self._edit(course.id, author, lambda stored: stored.model_copy(update=outlines))

    async def visible(self, course_id: str, viewer: Principal | None) -> Course:
        """Returns a course that ``viewer`` may see: published, or their own.

        Raises:
            CourseNotFound: There is none; somebody else's draft is none.
        """
        course = await self._repository.find(course_id)
        if course is None or not (course.is_published or course.may_edit(viewer)):
            raise CourseNotFound(course_id=course_id)
        return course

    @traced("courses.update", arguments=("course_id",))
    async def update(self, course_id: str, author: Principal, change: CourseChange) -> Course:
        """Changes what is given and returns the course.

        Raises:
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        given = change.model_dump(exclude_none=True)
        return await self._edit(course_id, author, lambda course: course.model_copy(update=given))

    @traced("courses.publish", arguments=("course_id",))
    async def publish(self, course_id: str, author: Principal) -> Course:
        """Puts a course into the catalogue and returns it; again changes nothing.

        Raises:
            CourseIncomplete: It has no lesson.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        now = self._clock.now()

        def published(course: Course) -> Course:
            if not course.lessons:
                raise CourseIncomplete(course_id=course_id)
            changes = {"state": CourseState.PUBLISHED, "published_at": now}
            return course if course.is_published else course.model_copy(update=changes)

        course = await self._edit(course_id, author, published)
        # Listed second: if the process dies in between, publishing again lists it.
        await self._repository.add_to_catalogue(course_id)
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
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        await self._owned(course_id, author)
        lesson = await self._store_lesson(course_id, new)

        def with_lesson(course: Course) -> Course:
            place = len(course.lessons) if new.position is None else new.position - 1
            lessons = (*course.lessons[:place], lesson, *course.lessons[place:])
            return course.model_copy(update={"lessons": lessons})

        return await self._edit(course_id, author, with_lesson)

    @traced("courses.replace_lesson", arguments=("course_id", "lesson_id"))
    async def replace_lesson(
        self, course_id: str, lesson_id: str, author: Principal, lesson: LessonIn
    ) -> Course:
        """Replaces a lesson's title, content and length, and returns the course.

        Raises:
            LessonNotFound: The course has no such lesson.
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        course = await self._owned(course_id, author)
        listed = any(known.id == lesson_id for known in course.lessons)
        if not listed or not await self._repository.replace_lesson(Lesson.of(course_id, lesson_id, lesson)):
            raise LessonNotFound(course_id=course_id, lesson_id=lesson_id)
        new = LessonOutline(id=lesson_id, title=lesson.title, minutes=lesson.minutes)

        def with_lesson(course: Course) -> Course:
            lessons = tuple(new if old.id == lesson_id else old for old in course.lessons)
            return course.model_copy(update={"lessons": lessons})

        return await self._edit(course_id, author, with_lesson)

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
            CourseNotFound, NotCourseOwner, CourseChanged: See `_edit`.
        """
        await self._owned(course_id, author)
        quiz = await self._store_quiz(course_id, new)
        return await self._edit(
            course_id, author, lambda course: course.model_copy(update={"quizzes": (*course.quizzes, quiz)})
        )

    async def lesson(self, course: Course, lesson_id: str) -> LessonOut:
        """Returns a lesson of ``course`` with its content.

        Raises:
            LessonNotFound: The course has no such lesson.
        """
        outline = next((lesson for lesson in course.lessons if lesson.id == lesson_id), None)
        stored = await self._repository.find_lesson(course.id, lesson_id) if outline else None
        if outline is None or stored is None:
            raise LessonNotFound(course_id=course.id, lesson_id=lesson_id)
        return LessonOut(course_id=course.id, content=stored.content, **outline.model_dump())

    async def quiz(self, course: Course, quiz_id: str) -> Quiz:
        """Returns a quiz of ``course`` with its answers.

        Raises:
            QuizNotFound: The course has no such quiz.
        """
        listed = any(quiz.id == quiz_id for quiz in course.quizzes)
        quiz = await self._repository.find_quiz(course.id, quiz_id) if listed else None
        if quiz is None:
            raise QuizNotFound(course_id=course.id, quiz_id=quiz_id)
        return quiz

    async def _owned(self, course_id: str, author: Principal) -> Course:
        course = await self.visible(course_id, author)
        if not course.may_edit(author):
            raise NotCourseOwner(course_id=course_id)
        return course

    async def _edit(self, course_id: str, author: Principal, change: Callable[[Course], Course]) -> Course:
        """Stores ``change`` of the latest version and returns it.

        Raises:
            CourseNotFound: There is no such course, or it is somebody else's draft.
            NotCourseOwner: It belongs to somebody else.
            CourseChanged: Others were faster, five times.
        """
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

    async def _store_lesson(self, course_id: str, lesson: LessonIn) -> LessonOutline:
        async def insert(lesson_id: str) -> None:
            await self._repository.insert_lesson(Lesson.of(course_id, lesson_id, lesson))

        lesson_id = await _first_free(lesson.title, insert)
        return LessonOutline(id=lesson_id, title=lesson.title, minutes=lesson.minutes)

    async def _store_quiz(self, course_id: str, quiz: QuizIn) -> QuizOutline:
        async def insert(quiz_id: str) -> None:
            await self._repository.insert_quiz(Quiz.of(course_id, quiz_id, quiz))

        quiz_id = await _first_free(quiz.title, insert)
        limits = {"pass_score": quiz.pass_score, "max_attempts": quiz.max_attempts}
        return QuizOutline(id=quiz_id, title=quiz.title, **limits)


async def _first_free(title: str, insert: Callable[[str], Awaitable[None]]) -> str:
    """Inserts under the first slug of ``title`` that the database finds free, and returns it."""
    taken: set[str] = set()
    while True:
        candidate = unused_slug(title, taken)
        try:
            await insert(candidate)
        except DuplicateId:
            taken.add(candidate)
        else:
            return candidate
