"""What the platform is for: signing in, the catalogue, seats, quizzes, certificates and its own counters."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from app.core.settings import Settings
from app.monitoring.health_check import Check, Measurement, Status, kind_of

Step = Callable[[], Awaitable[str | None]]
"""Does what learners need, with canary data; returns what is wrong in a sentence, None if nothing is."""

LIMITS: Final = 5
"""How many time limits of a check the steps have together."""

ADVICE: Final = "See the check of the database; if that passes, read the log for `health_changed`."
_RELEASE: Final = "If this began with a release, go back to the previous one; else compare the settings."
_BY_STEP: Final[Mapping[str, str]] = {
    "token": f"Nobody can sign in: see LMS_JWT_SECRET and the clock of this machine. {_RELEASE}",
    "certificate": f"Certificates cannot be proved: see LMS_CERTIFICATE_KEY. {_RELEASE}",
    "submissions": "Keep the database as it is, restore its newest backup beside it, and compare both.",
    "counters": "Compare seats and enrolments of the named course before anybody else enrols in it.",
}
_MS: Final = 1000


class LmsProbe:
    """Does each step, so that one that fails hides no other."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        self._steps = steps

    async def __call__(self) -> Sequence[Measurement]:
        """Measures how long each step takes."""
        return [await _measured(name, step) for name, step in self._steps.items()]


async def _measured(name: str, step: Step) -> Measurement:
    started, kind = time.perf_counter(), None
    try:
        wrong = await step()
    except Exception as error:  # noqa: BLE001 - whatever a step raises is its result
        kind = kind_of(error)
        wrong = f"{name}: {kind}."
    elapsed = (time.perf_counter() - started) * _MS
    if wrong is None:
        return Measurement(name, elapsed, "ms")
    return Measurement(name, elapsed, "ms", Status.FAIL, wrong, _BY_STEP.get(name, ADVICE), kind)


def check(settings: Settings, steps: Mapping[str, Step]) -> Check:
    """Returns the check of what the platform does, in the steps that its slices hand in."""
    return Check(
        "lms_function",
        LmsProbe(steps),
        ADVICE,
        interval=settings.health_slow_seconds,
        limit=settings.health_limit_seconds * LIMITS,
    )
