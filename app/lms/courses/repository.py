from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from app.infra.mongo import Database, DuplicateId
from app.lms.courses.records import Course, LessonContent, QuizContent

_PUBLISHED: Final = "published"


class CourseRepository:
    """Courses, one document each; what their lessons say and their quizzes ask, in documents of their own.

    The catalogue is one document more: the identifiers of all courses that are published, or about to be.
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
        """Lists a course in the catalogue, which shows it once it is published; again changes nothing."""
        where, listed = {"_id": _PUBLISHED}, {f"courses.{course_id}": True}
        if await self._catalogue.update(where, {"$set": listed}):
            return
        with suppress(DuplicateId):
            await self._catalogue.insert({**where, "courses": {}})
        await self._catalogue.update(where, {"$set": listed})

    async def listed(self) -> list[str]:
        """Returns the identifiers of the catalogue, in order.

        One document lists them all, and courses are read by theirs: FerretDB would read and sort every course
        for a range, which took five times as long at 500 courses.
        """
        listed = await self._catalogue.find_one({"_id": _PUBLISHED})
        return sorted((listed or {"courses": {}})["courses"])

    async def find_all(self, course_ids: Sequence[str]) -> list[Course | None]:
        """Returns the courses of these identifiers, in this order."""
        return await asyncio.gather(*(self.find(course_id) for course_id in course_ids))

    async def insert_lessons(self, lessons: Sequence[LessonContent]) -> None:
        """Stores what new lessons say."""
        await self._lessons.insert_all([lesson.document() for lesson in lessons])

    async def find_lesson(self, document_id: str) -> LessonContent | None:
        """Returns what a lesson says."""
        document = await self._lessons.find_one({"_id": document_id})
        return None if document is None else LessonContent.read(document)

    async def delete_lesson(self, document_id: str) -> None:
        """Removes what a lesson said."""
        await self._lessons.delete({"_id": document_id})

    async def insert_quizzes(self, quizzes: Sequence[QuizContent]) -> None:
        """Stores what new quizzes ask."""
        await self._quizzes.insert_all([quiz.document() for quiz in quizzes])

    async def find_quiz(self, document_id: str) -> QuizContent | None:
        """Returns what a quiz asks, with the answers."""
        document = await self._quizzes.find_one({"_id": document_id})
        return None if document is None else QuizContent.read(document)

    async def delete_quiz(self, document_id: str) -> None:
        """Removes what a quiz asked."""
        await self._quizzes.delete({"_id": document_id})
