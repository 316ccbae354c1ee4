"""Periodic work of the process, besides answering requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel import get_logger

_log = get_logger(service="periodic")
Step = Callable[[], Awaitable[None]]


@asynccontextmanager
async def repeating(seconds: float, *steps: Step) -> AsyncIterator[None]:
    """Runs the steps now and every ``seconds`` until the block exits; a failed step is logged and retried.

    They create no spans, because no request caused them.
    """
    over = asyncio.Event()
    task = asyncio.create_task(_repeat(seconds, steps, over))
    try:
        yield
    finally:
        over.set()  # because what a step calls may swallow the cancellation
        task.cancel()
        await asyncio.wait([task])


async def _repeat(seconds: float, steps: tuple[Step, ...], over: asyncio.Event) -> None:
    while not over.is_set():
        for step in steps:
            await _attempt(step)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)


async def _attempt(step: Step) -> None:
    try:
        with suppress_instrumentation():
            await step()
    except Exception:  # noqa: BLE001 - a failure must not stop the next steps
        _log.exception("periodic_step_failed", step=step.__qualname__)
