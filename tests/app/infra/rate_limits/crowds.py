"""Crowds of requests to one limiter or several, and the wait for Redis to come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from app.infra.rate_limits import Decision, RateLimiter
from tests.app.infra.rate_limits.limiters import asked, limiting

CLIENTS = 64


async def back(limiter: RateLimiter) -> None:
    """Waits until the limiter has found Redis again, as its periodic report lets it."""
    while limiter.state().backend != "redis":
        await limiter.report()
        await asyncio.sleep(0.02)


async def attempts(times: int, *limiters: RateLimiter) -> list[Decision]:
    """Sends requests by 64 clients at once, evenly to all limiters."""
    left = iter(range(times))

    async def ask() -> list[Decision]:
        return [await limiters[number % len(limiters)].decide(asked()) for number in left]

    found = await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return [decision for each in found for decision in each]


def count(decisions: list[Decision]) -> int:
    return sum(each.allowed for each in decisions)


@asynccontextmanager
async def several(
    url: str, number: int, *rules: dict[str, Any], least: int | None = None
) -> AsyncIterator[list[RateLimiter]]:
    """Opens limiters that know of `least` instances, or of `number`."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(limiting(url, *rules, instances=least or number))
            for _ in range(number)
        ]
