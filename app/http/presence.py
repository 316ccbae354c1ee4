"""Tells whether the client is still connected, so that no work starts for one that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request


async def client_gone(request: Request) -> AsyncIterator[asyncio.Event]:
    """Yields an event that is set as soon as the client closes the connection.

    Only for operations whose body has already been read: this consumes what the client sends after it.
    """
    gone = asyncio.Event()
    watch = asyncio.create_task(_watch(request, gone))
    await asyncio.sleep(0)  # lets the watch notice a client that is already gone
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
