"""Requests without a network: what a server would pass to the application, and a check of the response."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from bench.overhead.application import path_of_last

# What a browser behind a proxy sends; contrib decodes each of them several times.
HEADERS: Final = (
    (b"host", b"lms.example.org"),
    (b"connection", b"keep-alive"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"accept-language", b"de-CH,de;q=0.9,en;q=0.8"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"referer", b"https://lms.example.org/courses"),
    (b"x-forwarded-for", b"203.0.113.7"),
)
_OK: Final = 200


class WrongAnswerError(Exception):
    """The application sent a wrong response, so the figure would mean nothing."""


class Exchanges:
    """Calls an application as a server does, one request after the other.

    Args:
        app: the application.
        routes: how many it has; requests go to the last.
    """

    def __init__(self, app: FastAPI, routes: int) -> None:
        self._app = app
        path = path_of_last(routes)
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("203.0.113.7", 50000),
            "scheme": "http",
            "method": "GET",
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
        }
        self._status = 0
        self._bodies = 0

    async def run(self, requests: int) -> None:
        """Serves that many requests.

        Raises:
            WrongAnswerError: One was not answered with 200 and a complete body.
        """
        self._bodies = 0
        for _ in range(requests):
            scope = {**self._scope, "headers": list(HEADERS), "state": {}}
            await self._app(scope, self._receive, self._send)
            if self._status != _OK:
                raise WrongAnswerError(f"{scope['path']} was answered with {self._status}")
        if self._bodies != requests:
            raise WrongAnswerError(f"{requests} requests had {self._bodies} complete responses")

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:  # noqa: ANN401 - ASGI's own loose type
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif not message.get("more_body"):
            self._bodies += 1
