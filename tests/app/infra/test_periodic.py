from __future__ import annotations

import asyncio
from contextlib import suppress

from opentelemetry import trace

from app.infra.periodic import repeating
from otel.testing import Captured


async def test_steps_are_repeated_though_one_fails_and_end_with_the_block(telemetry: Captured) -> None:
    third, times = asyncio.Event(), 0

    async def failing() -> None:
        raise LookupError("every time")

    async def counting() -> None:
        nonlocal times
        times += 1
        if times == 3:
            third.set()

    async with repeating(0.001, failing, counting):
        await third.wait()
    ended = times
    await asyncio.sleep(0)
    assert times == ended
    failed = [record for record in telemetry.logs if record.body == "periodic_step_failed"]
    assert failed[0].attributes["exception.type"] == "LookupError"
    assert not trace.get_current_span().is_recording()


async def test_a_step_that_swallows_its_cancellation_does_not_keep_the_block() -> None:
    begun = asyncio.Event()

    async def step() -> None:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async with repeating(3600, step):
        await begun.wait()
