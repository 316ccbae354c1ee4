"""Whether the client still waits for its answer, for work that should not begin for a client that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request


async def client_gone(request: Request) -> AsyncIterator[asyncio.Event]:
    """Yields an event that is set as soon as the client closes the connection.

    Only for operations whose body is read before: this reads what the client sends after it.
    """
    gone = asyncio.Event()
    watch = asyncio.create_task(_watch(request, gone))
    await asyncio.sleep(0)  # a client that has gone already is known from the start
    try:
        yield gone
    finally:
        watch.cancel()


async def _watch(request: Request, gone: asyncio.Event) -> None:
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()
    gone.set()


ClientPresence = Annotated[asyncio.Event, Depends(client_gone)]
