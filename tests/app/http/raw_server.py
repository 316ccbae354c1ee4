"""A real HTTP server on a free port for clients that write raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.http.server import Limits, bounded


@dataclass
class Echo:
    """An application that reads the whole body and echoes it; `gate` holds responses back."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: int = 0
    seen: list[list[tuple[bytes, bytes]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/early":
            await self._answer(send, b"early")
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            self.abandoned += 1
            return
        await self.gate.wait()
        self.seen.append(scope["headers"])
        await self._answer(send, scope["method"].encode() + b" " + scope["raw_path"] + b" " + body)

    @staticmethod
    async def _answer(send: Send, text: bytes) -> None:
        headers = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})


@dataclass
class Server:
    """A server on 127.0.0.1."""

    port: int
    state: ServerState

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def talk(self, sent: bytes, piece: int = 100_000) -> bytes:
        """Sends bytes in pieces and returns what is received until the server closes the connection."""
        reader, writer = await self.connect()
        answer = asyncio.create_task(reader.read())
        with suppress(ConnectionError):  # refused while more was to be sent
            for place in range(0, len(sent), piece):
                writer.write(sent[place : place + piece])
                await writer.drain()
                await asyncio.sleep(0)  # so that the server reads the piece by itself
        found = await asyncio.wait_for(answer, 60)
        writer.close()
        return found


@asynccontextmanager
async def listening(app: ASGIApp, limits: Limits | None) -> AsyncIterator[Server]:
    """Serves `app` within these limits, or with uvicorn's own protocol; its lifespan is the caller's."""
    state = ServerState()
    protocol = HttpToolsProtocol if limits is None else bounded(limits)
    config = uvicorn.Config(app, http=protocol, ws="none", access_log=False, log_config=None)
    config.load()

    def connection() -> asyncio.Protocol:
        made: Any = config.http_protocol_class
        protocol: asyncio.Protocol = made(config=config, server_state=state, app_state={})
        return protocol

    socket = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield Server(socket.sockets[0].getsockname()[1], state)
    finally:
        socket.close()
        for each in list(state.connections):
            each.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)
