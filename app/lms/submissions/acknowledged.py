"""Reads acknowledged answers again, so that a lost one is noticed."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from app.core.clock import Clock
from app.core.telemetry import SUBMISSION_CHECKS
from app.lms.submissions.repository import SubmissionRepository

# A failover that rolls back what was acknowledged is over by then.
SETTLED: Final = timedelta(minutes=1)
MOST: Final = 50
"""How many answers one round reads; while more are handed in, they are a sample."""


class Acknowledged:
    """The answers that learners were promised are stored, until they have been read again.

    They are in this process's memory only: a restart forgets those of its last minute.
    """

    def __init__(self, repository: SubmissionRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._waiting: deque[tuple[str, datetime]] = deque()
        # From the start, so that no series means that nobody looks.
        for outcome in ("stored", "missing"):
            SUBMISSION_CHECKS.add(0, {"outcome": outcome})

    def add(self, submission_id: str) -> None:
        """Remembers an acknowledged answer, unless a round's worth of them is waiting."""
        if len(self._waiting) < MOST:
            self._waiting.append((submission_id, self._clock.now()))

    async def first_missing(self) -> str | None:
        """Reads what was acknowledged over a minute ago, and counts it; returns the first id that is gone.

        What the database does not answer for is read in the next round.
        """
        missing = None
        while self._waiting and self._waiting[0][1] <= self._clock.now() - SETTLED:
            submission_id = self._waiting[0][0]
            stored = await self._repository.find(submission_id) is not None
            self._waiting.popleft()
            SUBMISSION_CHECKS.add(1, {"outcome": "stored" if stored else "missing"})
            missing = missing or (None if stored else submission_id)
        return missing
