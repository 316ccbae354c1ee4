"""Runs the learners of a plan until the time is up or the run is interrupted."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import httpx

from stack.demo.learner import Student
from stack.demo.plan import Learner
from stack.demo.tally import Tally

AT_ONCE: Final = 50  # learners who study at the same time; the others wait
_TICK: Final = 0.2


class Run:
    """One run of a plan. ``tally`` counts while it runs; ``stopped`` is set if it was interrupted."""

    def __init__(self, learners: Sequence[Learner], seconds: float) -> None:
        """Takes a plan and the length of the run in seconds."""
        self.tally = Tally()
        self.stopped = False
        self._learners = learners
        self._seconds = seconds
        self._over = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def study(self, client: httpx.AsyncClient, watch: Callable[[float], None]) -> None:
        """Runs to the end; requests in flight then are completed, and no new ones are sent.

        Args:
            client: has the platform's address.
            watch: called several times a second with the seconds since the start.
        """
        started = time.monotonic()
        with _stop_signals(self._stop):
            tasks = [asyncio.create_task(self._live(client, learner)) for learner in self._learners]
            while not self._over.is_set() and not all(task.done() for task in tasks):
                watch(time.monotonic() - started)
                await self._wait(_TICK)
                if time.monotonic() - started >= self._seconds:
                    self._over.set()
            self._over.set()
            await asyncio.gather(*tasks)
        watch(time.monotonic() - started)

    async def _live(self, client: httpx.AsyncClient, learner: Learner) -> None:
        await self._wait(learner.arrives)
        async with self._room:
            student = Student(client, learner, self.tally)
            for step in learner.steps:
                await self._wait(step.pause)
                if self._over.is_set():
                    return
                await student.do(step)

    async def _wait(self, seconds: float) -> None:
        """Waits, but not beyond the end of the run."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def _stop(self) -> None:
        self.stopped = True
        self._over.set()


@contextmanager
def _stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls ``stop`` on Ctrl-C or SIGTERM instead of terminating the process."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
