"""One endpoint that fails occasionally, so that demonstrations have something to find."""

from __future__ import annotations

import random

from fastapi import APIRouter

from app.http.auth import TOKEN_REFUSALS, SignedIn
from app.http.problems import refusals
from app.lms.enrollments.schemas import EnrollmentOut
from app.lms.services import Lms
from otel import get_logger

_log = get_logger(service="demo")


class TranscriptFailed(RuntimeError):  # noqa: N818 - the failure that the demonstration is about
    """The demonstration's failure; it is not handled, so it becomes a 500 and an issue."""


def demo_router(failure_ratio: float, chance: random.Random) -> APIRouter:
    """Returns the router of the demo endpoint, which fails in ``failure_ratio`` (0 to 1) of the requests."""
    router = APIRouter(prefix="/demo", tags=["demo"])

    @router.post("/transcripts", responses=refusals(*TOKEN_REFUSALS))
    async def transcript(learner: SignedIn, lms: Lms) -> list[EnrollmentOut]:
        """Returns the caller's enrolments; fails occasionally, on purpose."""
        enrollments = await lms.enrollments.mine(learner)
        if chance.random() < failure_ratio:
            raise TranscriptFailed(f"the transcript of {len(enrollments)} enrolments was lost")
        _log.info("transcript_made", enrollments=len(enrollments))
        return [EnrollmentOut.of(enrollment) for enrollment in enrollments]

    return router
