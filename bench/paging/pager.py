"""Somebody's Slack as seen by a measurement: notes when each message arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from stack.native.ports import LOOPBACK

_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Message:
    """One message as sent, and when, on the clock of `time.monotonic`."""

    text: str
    at: float


class Pager:
    """Keeps the messages in the order in which they arrive."""

    def __init__(self, port: int) -> None:
        self.messages: list[Message] = []
        self.url = f"http://{LOOPBACK}:{port}/services/page"

    def first(self, names: set[str]) -> tuple[str, float] | None:
        """Returns which of these alerts is in the earliest message that has one, and when it arrived."""
        for message in list(self.messages):
            for name in sorted(names):
                if name in message.text:
                    return name, message.at
        return None


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode(errors="replace")
        pager: Pager = self.server.pager  # type: ignore[attr-defined]  # set by `listening`
        pager.messages.append(Message(body, time.monotonic()))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Logs nothing."""


@contextmanager
def listening(port: int) -> Iterator[Pager]:
    """Listens on the port within the block."""
    with ThreadingHTTPServer((LOOPBACK, port), _Handler) as server:
        pager = Pager(port)
        server.pager = pager  # type: ignore[attr-defined]  # the handler reads it
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,))
        thread.start()
        try:
            yield pager
        finally:
            server.shutdown()
            thread.join()
