"""What a check measured, and servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from app.monitoring.health_check import Measurement, Status


def by_name(measured: Sequence[Measurement]) -> dict[str, Measurement]:
    return {each.name: each for each in measured}


def wrong(measured: Sequence[Measurement]) -> list[str]:
    """Returns the names of what is wrong; each says so, and what to do."""
    bad = [each for each in measured if each.status is not Status.PASS]
    assert all(each.output and each.advice for each in bad)
    return [each.name for each in bad]


class Hand:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serves on a free port, and drops its connections at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    async with await asyncio.start_server(kept, "127.0.0.1", 0) as served:
        yield served.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
