"""A loopback HTTP server that can be closed and reopened on the same port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from stack.native.ports import LOOPBACK

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def silence_servers() -> None:
    """Silences the servers' logs; only for a main program, because the level is process-wide."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class Door:
    """Serves an ASGI application on a port; while closed, the port refuses connections."""

    def __init__(self, app: App, port: int) -> None:
        self.port = port
        self._app = app
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listens from now on; does nothing if it is open."""
        if self._server is not None:
            return
        config = uvicorn.Config(
            self._app,
            LOOPBACK,
            self.port,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        self._server, self._loop = server, asyncio.create_task(server.main_loop())

    async def shut(self) -> None:
        """Refuses connections from now on and cuts open ones; does nothing if it is closed."""
        if self._server is None or self._loop is None:
            return
        server, loop = self._server, self._loop
        self._server = self._loop = None
        server.should_exit = server.force_exit = True
        await loop
        for task in list(server.server_state.tasks):
            task.cancel()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await server.shutdown()


async def body_of(receive: Receive) -> bytes:
    """Returns the whole body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def respond(send: Send, status: int, body: bytes, content_type: str) -> None:
    """Answers a request."""
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
