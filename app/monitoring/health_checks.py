"""Runs the health checks in the background, each in its own task, and answers from their last results."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.metrics import Observation

from app import VERSION
from app.core.clock import Clock
from app.core.telemetry import HEALTH_STATUS
from app.monitoring.health import Health
from app.monitoring.health_check import SEVERITY, Check, Measurement, Status, kind_of
from app.monitoring.health_damping import Damping
from app.monitoring.health_state import CheckState, Result

CONFIRM_SECONDS: Final = 1.0
"""How soon a check runs again whose result differs from its status."""

JITTER: Final = 0.1
"""Share of the interval by which runs are moved at random, so that processes do not run them together."""

EARLIEST: Final = 0.1
"""Share of its interval after which a check that is not immediate runs first, at the earliest."""

REUSED_SECONDS: Final = 1.0
"""How long a written report is used again while no check has run."""

_random = random.Random()  # noqa: S311 - spreads load, protects nothing


class HealthChecks:
    """The platform's health. It fails with a critical check, and is degraded with any other.

    A request never runs a check: `report` and `is_ready` read the last results. Each check has a time limit
    and one run at a time, so that a dependency that hangs delays no other check and collects no tasks.
    ``monotonic`` measures every age, so that a clock change makes nothing stale or fresh.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        clock: Clock,
        *,
        agreeing: int,
        window: int,
        instance: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ValueError if two checks have one name: one would hide the other."""
        names = [each.name for each in checks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two health checks are called {twice[0]}; rename one of them")
        self._clock = clock
        self._monotonic = monotonic
        self._instance = instance
        now = monotonic()
        self._states = [CheckState(each, Damping(agreeing=agreeing, window=window), now) for each in checks]
        self._over = asyncio.Event()
        self._written: tuple[float, Status, str] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the checks until the block exits; enters it when the critical ones have run once."""
        undo = HEALTH_STATUS.observe(self._observe)
        tasks = [asyncio.create_task(self._watch(state)) for state in self._states]
        try:
            await self._first()
            yield
        finally:
            self._over.set()  # because what a probe calls may swallow the cancellation
            undo()
            await _cancel(tasks)
            await _cancel([state.task for state in self._states if state.task])

    async def _first(self) -> None:
        critical = [state for state in self._states if state.check.critical]
        limit = max((state.check.limit for state in critical), default=0)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for state in critical:
                    await state.ran.wait()

    def report(self) -> Health:
        """Returns the health by the last results; takes no longer while a dependency hangs."""
        now, wall = self._monotonic(), self._clock.now()
        status, decisive = self._verdict(now)
        components = {state.check.name: state.component(now, wall) for state in self._states}
        entries = [state.entries(now, wall) for state in self._states]
        return Health(
            status=status,
            decided_by=decisive and decisive.check.name,
            output=decisive and decisive.output(now),
            recommendation=decisive and decisive.recommendation(now),
            runbook=decisive and decisive.check.runbook,
            release_id=VERSION,
            service_id=self._instance,
            unchecked=[name for name, component in components.items() if component is None],
            components={name: component for name, component in components.items() if component},
            checks={key: entry for each in entries for key, entry in each.items()},
        )

    def written(self) -> tuple[Status, str]:
        """Returns the status and the report as JSON; to write it takes longer than all else in an answer."""
        now = self._monotonic()
        if self._written is None or now - self._written[0] >= REUSED_SECONDS:
            found = self.report()
            self._written = now, found.status, found.text()
        return self._written[1:]

    def status(self) -> Status:
        """Returns the platform's status alone."""
        return self._verdict(self._monotonic())[0]

    @property
    def is_ready(self) -> bool:
        """Whether every critical check has run, lately, and does not fail."""
        now = self._monotonic()
        critical = [state.status(now) for state in self._states if state.check.critical]
        return all(status not in {None, Status.FAIL} for status in critical)

    @property
    def has_started(self) -> bool:
        """Whether every critical check has once found nothing failing."""
        return all(state.has_worked for state in self._states if state.check.critical)

    def _verdict(self, now: float) -> tuple[Status, CheckState | None]:
        """Returns the status and the check that decided it: critical ones first, then the worst, in order."""
        weighed = [(self._weight(state, now), state) for state in self._states]
        status, decisive = max(
            weighed,
            key=lambda each: (
                SEVERITY[each[0]],
                each[1].check.critical,
                SEVERITY[each[1].status(now) or Status.PASS],
            ),
            default=(Status.PASS, None),
        )
        return status, None if status is Status.PASS else decisive

    @staticmethod
    def _weight(state: CheckState, now: float) -> Status:
        """Returns what a check means for the platform: without one that is not critical it still serves."""
        status = state.status(now)
        if state.check.critical:
            return status or Status.FAIL
        return Status.PASS if status in {None, Status.PASS} else Status.WARN

    # --- in the background ---

    async def _watch(self, state: CheckState) -> None:
        if not state.check.immediate:
            await self._pause(_random.uniform(EARLIEST, 1) * state.check.interval)
        while not self._over.is_set():
            state.take(await self._run(state))
            self._written = None
            await self._pause(self._until_next(state))

    def _until_next(self, state: CheckState) -> float:
        interval = state.check.interval * (1 + JITTER * (2 * _random.random() - 1))
        return interval if state.settled else min(interval, CONFIRM_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _run(self, state: CheckState) -> Result:
        """Runs the check once; waits for an earlier run that ignored its cancellation instead of another."""
        started, earlier = self._monotonic(), state.task
        is_late = earlier is not None and not earlier.done()
        task = earlier if earlier and is_late else asyncio.create_task(_probe(state.check))
        state.task = task
        await asyncio.wait({task}, timeout=state.check.limit)
        ended = self._monotonic()
        if is_late or not task.done():
            task.cancel()
            return Result(ended, ended - started, (), "TimeoutError")
        return _result(task, ended, ended - started)

    def _observe(self) -> Iterable[Observation]:
        now = self._monotonic()
        for state in self._states:
            found = state.status(now)
            for status in Status if found else ():
                facts = {"check": state.check.name, "status": status.value}
                yield Observation(int(status is found), facts)


async def _probe(check: Check) -> tuple[Measurement, ...]:
    with suppress_instrumentation():  # no request caused it, so it creates no spans
        return tuple(await check.probe())


def _result(task: asyncio.Task[tuple[Measurement, ...]], ended: float, seconds: float) -> Result:
    if task.cancelled():
        return Result(ended, seconds, (), "CancelledError")
    error = task.exception()
    if error is None:
        return Result(ended, seconds, task.result())
    return Result(ended, seconds, (), kind_of(error))


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CONFIRM_SECONDS)
