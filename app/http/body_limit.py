"""Refuses request bodies over the limit, announced or not, before they are held in memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import BodyTooLarge
from app.http.problems import problem


class BodyLimit:
    """Pure ASGI middleware that answers 413 to bodies of more than ``max_bytes``.

    A body without ``Content-Length`` is counted as it is read; reading past the limit raises `BodyTooLarge`.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses the request if its body is too large, otherwise passes it on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            refusal = BodyTooLarge(limit=self._max_bytes)
            return await problem(refusal, instance=scope["path"])(scope, receive, send)
        return await self._app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise BodyTooLarge(limit=self._max_bytes)
            return message

        return counted
