from __future__ import annotations

from app.infra.mongo import Database, Index
from app.lms.submissions.schemas import Submission


class SubmissionRepository:
    """Graded answers, one document each; the attempt's number is part of the identifier."""

    def __init__(self, database: Database) -> None:
        self._submissions = database.collection("submissions", Index(("series", "attempt")))

    async def insert(self, submission: Submission) -> None:
        """Stores an answer; returns once a majority of the database has it on disk.

        Raises:
            DuplicateId: The learner has used this attempt.
        """
        await self._submissions.insert(submission.document())

    async def find(self, submission_id: str) -> Submission | None:
        """Returns the answer ``submission_id``."""
        document = await self._submissions.find_one({"_id": submission_id})
        return None if document is None else Submission.read(document)

    async def attempts(self, series: str) -> list[Submission]:
        """Returns all answers of one learner to one quiz (``user:course:quiz``), the oldest first."""
        documents = await self._submissions.find({"series": series}, sort=[("attempt", 1)])
        return [Submission.read(document) for document in documents]
