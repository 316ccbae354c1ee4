from __future__ import annotations

from app.infra.mongo import Database
from app.lms.courses.schemas import Course, CourseState, Lesson, Quiz


class CourseRepository:
    """Courses, one document each; what their lessons say and their quizzes ask, in documents of their own."""

    def __init__(self, database: Database) -> None:
        self._courses = database.collection("courses")
        self._lessons = database.collection("lessons")
        self._quizzes = database.collection("quizzes")

    async def insert(self, course: Course) -> None:
        """Stores a new course.

        Raises:
            DuplicateId: The identifier is taken.
        """
        await self._courses.insert(course.document())

    async def find(self, course_id: str) -> Course | None:
        """Returns the course ``course_id``."""
        document = await self._courses.find_one({"_id": course_id})
        return None if document is None else Course.read(document)

    async def replace(self, course: Course) -> bool:
        """Stores ``course`` as its next version, in one step; False if another one came first."""
        document = {**course.document(), "version": course.version + 1}
        del document["_id"]
        return await self._courses.update({"_id": course.id, "version": course.version}, {"$set": document})

    async def published(self, after: str | None, limit: int) -> list[Course]:
        """Returns at most ``limit`` published courses by identifier, those after ``after`` if it is given.

        FerretDB finds the published ones by equality and compares and sorts them itself: the whole catalogue
        is read for each page, which is why pages are cached.
        """
        where = {"state": CourseState.PUBLISHED.value} | ({} if after is None else {"_id": {"$gt": after}})
        documents = await self._courses.find(where, sort=[("_id", 1)], limit=limit)
        return [Course.read(document) for document in documents]

    async def insert_lesson(self, lesson: Lesson) -> None:
        """Stores what a new lesson says.

        Raises:
            DuplicateId: The course has a lesson of this identifier.
        """
        await self._lessons.insert(lesson.document())

    async def replace_lesson(self, lesson: Lesson) -> bool:
        """Stores what a lesson says instead; tells whether there is such a lesson."""
        return await self._lessons.update({"_id": lesson.id}, {"$set": {"content": lesson.content}})

    async def find_lesson(self, course_id: str, lesson_id: str) -> Lesson | None:
        """Returns what a lesson says."""
        document = await self._lessons.find_one({"_id": f"{course_id}:{lesson_id}"})
        return None if document is None else Lesson.read(document)

    async def insert_quiz(self, quiz: Quiz) -> None:
        """Stores a new quiz.

        Raises:
            DuplicateId: The course has a quiz of this identifier.
        """
        await self._quizzes.insert(quiz.document())

    async def find_quiz(self, course_id: str, quiz_id: str) -> Quiz | None:
        """Returns a quiz with its answers."""
        document = await self._quizzes.find_one({"_id": f"{course_id}:{quiz_id}"})
        return None if document is None else Quiz.read(document)
