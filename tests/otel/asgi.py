"""The server's side of ASGI, in the test's own loop: sends requests, disconnects, collects responses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message

Headers = Sequence[tuple[str, str]]


@dataclass
class Answer:
    """The messages that the server received from the application."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        starts = [each for each in self.messages if each["type"] == "http.response.start"]
        return starts[0]["status"] if starts else None

    @property
    def headers(self) -> dict[str, str]:
        first = self.messages[0].get("headers", ())
        return {name.decode(): value.decode() for name, value in first}

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.messages)


def scope_of(kind: str, path: str, headers: Headers, query: str) -> dict[str, Any]:
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    if not any(name == b"host" for name, _ in encoded):
        encoded.insert(0, (b"host", b"lms.example"))
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": encoded,
        "client": ("192.0.2.77", 40000),
        "server": ("127.0.0.1", 8000),
    }


async def request(
    app: ASGIApp,
    path: str,
    *,
    method: str = "GET",
    headers: Headers = (),
    query: str = "",
    body: bytes = b"",
    leaves_after: int | None = None,
    answer: Answer | None = None,
) -> Answer:
    """Sends one request; with `leaves_after` the client disconnects after that many response messages."""
    got = answer if answer is not None else Answer()
    gone = asyncio.Event()
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    if leaves_after == 0:
        gone.set()

    async def receive() -> Message:
        if waiting and leaves_after != 0:
            return waiting.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        got.messages.append(message)
        if leaves_after is not None and len(got.messages) >= leaves_after:
            gone.set()

    scope = {**scope_of("http", path, headers, query), "method": method}
    await app(scope, receive, send)
    return got


async def websocket(
    app: ASGIApp,
    path: str,
    *texts: str,
    code: int = 1000,
    headers: Headers = (),
) -> Answer:
    """Opens a connection, sends the texts and closes it with `code`."""
    got = Answer()
    waiting: list[Message] = [
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": text} for text in texts),
        {"type": "websocket.disconnect", "code": code},
    ]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        got.messages.append(message)

    await app({**scope_of("websocket", path, headers, ""), "subprotocols": []}, receive, send)
    return got
