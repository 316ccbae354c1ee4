"""How stores are asked: a slow one keeps nobody from the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.infra.stores.client import StoreUnavailable
from stack.boards.sources import AT_ONCE, AwayError, opened
from tests.stack.boards.serving import settings


async def _failing(error: StoreUnavailable) -> None:
    raise error


async def test_a_slow_store_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    slow, waiting = asyncio.Event(), asyncio.Semaphore(0)

    async def answer() -> bool:
        waiting.release()
        return await slow.wait()

    async def at_once() -> str:
        return "lines"

    async with opened(settings(tmp_path)) as sources, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(sources.ask("metrics", answer()))
            await waiting.acquire()
        async with asyncio.timeout(5):
            assert await sources.ask("logs", at_once()) == "lines"
        slow.set()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreUnavailable("x", "answered 422 (no)", 422), "Prometheus refused the query: it answered 422"),
        (
            StoreUnavailable("x", "answered with more than 16 MiB: ask for less", is_too_large=True),
            "Prometheus refused the query: it answered with more than 16 MiB",
        ),
        (StoreUnavailable("x", "answered 503 (no)", 503), "Prometheus is away, .*: it answered 503"),
        (
            StoreUnavailable("x", "did not answer within 3 s", is_late=True),
            "^Prometheus did not answer within 3 s: ask for less, or try again",
        ),
        (StoreUnavailable("x", "does not answer (ConnectError)"), "Prometheus is away, noticed at"),
    ],
)
async def test_a_store_that_answers_is_not_away(tmp_path: Path, error: StoreUnavailable, said: str) -> None:
    async with opened(settings(tmp_path)) as sources:
        with pytest.raises(AwayError, match=said):
            await sources.ask("metrics", _failing(error))
