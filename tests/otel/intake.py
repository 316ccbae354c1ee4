"""A fake of Sentry's intake that checks the envelopes it receives and keeps their events."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Intake(HTTPServer):
    """Checks every envelope and keeps its event; answers with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.events: list[dict[str, Any]] = []
        self.asked = 0

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server_port}/7"


class _Handler(BaseHTTPRequestHandler):
    server: Intake

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.asked += 1
        if self.path != "/api/7/envelope/" or "sentry_key=public" not in self.headers["x-sentry-auth"]:
            self.send_error(400, "not an envelope of project 7")
            return
        lines = body.split(b"\n")
        if json.loads(lines[1])["type"] == "event":
            self.server.events.append(json.loads(lines[2]))
        self.send_response(self.server.status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Logs nothing."""


@contextmanager
def intake(status: int = 200) -> Iterator[Intake]:
    with Intake(status) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
