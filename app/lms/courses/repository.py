from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from app.infra.mongo import Database, DuplicateId
from app.lms.courses.schemas import Course, Lesson, Quiz

_PUBLISHED: Final = "published"


class CourseRepository:
    """Courses, one document each; what their lessons say and their quizzes ask, in documents of their own.

    The catalogue is one document more: the identifiers of all published courses.
    """

    def __init__(self, database: Database) -> None:
        self._courses = database.collection("courses")
        self._catalogue = database.collection("catalogue")
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

    async def add_to_catalogue(self, course_id: str) -> None:
        """Lists a published course in the catalogue; again changes nothing."""
        where, listed = {"_id": _PUBLISHED}, {f"courses.{course_id}": True}
        if await self._catalogue.update(where, {"$set": listed}):
            return
        with suppress(DuplicateId):
            await self._catalogue.insert({**where, "courses": {}})
        await self._catalogue.update(where, {"$set": listed})

    async def published(self, after: str | None, limit: int) -> list[Course]:
        """Returns at most ``limit`` published courses by identifier, those after ``after`` if it is given.

        One document lists all identifiers, and a page's courses are read by theirs: FerretDB would read and
        sort every course for a range, which took five times as long at 500 courses.
        """
        listed = await self._catalogue.find_one({"_id": _PUBLISHED})
        ids = sorted(each for each in (listed or {"courses": {}})["courses"] if after is None or each > after)
        found = await asyncio.gather(*(self.find(course_id) for course_id in ids[:limit]))
        return [course for course in found if course is not None]

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
