"""What a health check is: a probe that measures, and what is known about it."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """The status (draft-inadarei-api-health-check): ``warn`` means degraded but serving."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


RUNBOOKS: Final = "docs/health.md"
"""Has a section for each check, with its name as the heading."""

SEVERITY: Final = {Status.PASS: 0, Status.WARN: 1, Status.FAIL: 2}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value that a check measured.

    ``name`` is the part after the colon of a key in ``checks``, such as ``responseTime``. ``output`` says
    what is wrong and ``advice`` what to do next, one sentence each; both are None if nothing is wrong.
    ``error`` is the type of the error behind it (``error.type``), if there is one.
    """

    name: str
    value: float | str
    unit: str | None = None
    status: Status = Status.PASS
    output: str | None = None
    advice: str | None = None
    error: str | None = None


Probe = Callable[[], Awaitable[Sequence[Measurement]]]
"""Measures once; raising anything means that the dependency does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check: runs every ``interval`` seconds, each time for ``limit`` seconds at most.

    The platform cannot serve while a ``critical`` one fails. ``kind`` is the draft's componentType;
    ``section`` is its heading in `RUNBOOKS`, if not its name;
    ``advice`` is what to do when ``probe`` raises or takes too long. A check that is not ``immediate`` first
    runs at a random moment of its first interval, when the process has started.
    """

    name: str
    probe: Probe
    advice: str
    interval: float
    limit: float
    kind: str = "component"
    critical: bool = False
    immediate: bool = False
    section: str = ""

    @property
    def runbook(self) -> str:
        """Where the repository says what to do, in more than a sentence."""
        return f"{RUNBOOKS}#{self.section or self.name}"


def kind_of(error: BaseException) -> str:
    """Returns the type of an error; of what our own ports raise, that of what they raise it from."""
    cause = error.__cause__
    is_limit = isinstance(cause, CancelledError)  # as `asyncio.timeout` ends what takes too long
    return type(error if cause is None or is_limit else cause).__name__


def at_most(
    name: str, value: float, most: float, *, unit: str | None = None, output: str, advice: str
) -> Measurement:
    """Returns a measurement that warns, with ``output`` and ``advice``, if it exceeds ``most``."""
    if value > most:
        return Measurement(name, value, unit, Status.WARN, output, advice)
    return Measurement(name, value, unit)
