from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from app.infra.mongo import Database, DuplicateId
from app.lms.courses.records import Course, LessonContent, QuizContent

_PUBLISHED: Final = "published"


class CourseRepository:
    """Courses, one document each; the contents of their lessons and quizzes have documents of their own.

    The catalogue is one more document: the identifiers of all courses that are published or about to be.
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
        """Stores ``course`` as its next version, atomically; False if another edit came first."""
        document = {**course.document(), "version": course.version + 1}
        del document["_id"]
        return await self._courses.update({"_id": course.id, "version": course.version}, {"$set": document})

    async def add_to_catalogue(self, course_id: str) -> None:
        """Lists a course in the catalogue, which shows it once it is published; repeating changes nothing."""
        where, listed = {"_id": _PUBLISHED}, {f"courses.{course_id}": True}
        if await self._catalogue.update(where, {"$set": listed}):
            return
        with suppress(DuplicateId):
            await self._catalogue.insert({**where, "courses": {}})
        await self._catalogue.update(where, {"$set": listed})

    async def listed(self) -> list[str]:
        """Returns the identifiers in the catalogue, sorted.

        One document lists them all, and courses are read by identifier: for a range query, FerretDB would
        read and sort every course, which took five times as long at 500 courses.
        """
        listed = await self._catalogue.find_one({"_id": _PUBLISHED})
        return sorted((listed or {"courses": {}})["courses"])

    async def find_all(self, course_ids: Sequence[str]) -> list[Course | None]:
        """Returns the courses with these identifiers, in this order."""
        return await asyncio.gather(*(self.find(course_id) for course_id in course_ids))

    async def insert_lessons(self, lessons: Sequence[LessonContent]) -> None:
        """Stores the contents of new lessons."""
        await self._lessons.insert_all([lesson.document() for lesson in lessons])

    async def find_lesson(self, document_id: str) -> LessonContent | None:
        """Returns the content of a lesson."""
        document = await self._lessons.find_one({"_id": document_id})
        return None if document is None else LessonContent.read(document)

    async def delete_lesson(self, document_id: str) -> None:
        """Removes the content of a lesson."""
        await self._lessons.delete({"_id": document_id})

    async def insert_quizzes(self, quizzes: Sequence[QuizContent]) -> None:
        """Stores the questions of new quizzes."""
        await self._quizzes.insert_all([quiz.document() for quiz in quizzes])

    async def find_quiz(self, document_id: str) -> QuizContent | None:
        """Returns the questions of a quiz, with the answers."""
        document = await self._quizzes.find_one({"_id": document_id})
        return None if document is None else QuizContent.read(document)

    async def delete_quiz(self, document_id: str) -> None:
        """Removes the questions of a quiz."""
        await self._quizzes.delete({"_id": document_id})
