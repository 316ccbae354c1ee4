"""An HTTP service that is not ours, on a free port: judges each request, keeps it, and fails as scripted."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from tests.programs import free_port, wait_until

LOOPBACK: Final = "127.0.0.1"
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Request:
    """One request as it came in; header names are lower case, ``path`` includes the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Reply:
    """What the service answers."""

    status: int
    body: str = ""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """An answer other than the service's own: a status, or none at all while ``hang``."""

    status: int = 500
    body: str = "out of order"
    retry_after: int | None = None
    hang: bool = False

    def reply(self) -> Reply:
        """Returns the answer; `Retry-After` is in seconds (RFC 9110)."""
        given = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return Reply(self.status, self.body, headers=given)


RATE_LIMITED: Final = Fault(429, "rate_limited", retry_after=1)
HANG: Final = Fault(hang=True)


class Endpoint:
    """A service that listens while its ``with`` block runs, or between `start` and `stop`.

    A subclass gives `judge`. ``attempts`` are all requests, ``accepted`` those that were answered with a 2xx;
    ``refused`` has a sentence for each that breaks the service's contract.
    """

    def __init__(self) -> None:
        self.handler: type[Handler] = Handler
        self.port = free_port()
        self.attempts: list[Request] = []
        self.accepted: list[Request] = []
        self.refused: list[str] = []
        self._faults: deque[Fault] = deque()
        self._lasting: Fault | None = None
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._running: tuple[_Server, threading.Thread] | None = None

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://{LOOPBACK}:{self.port}"

    def judge(self, request: Request) -> Reply:
        """Returns the answer of the service in good order; calls `refuse` for a wrong request."""
        raise NotImplementedError

    def refuse(self, sentence: str, reply: Reply) -> Reply:
        """Records why a request is wrong, and returns the answer to it."""
        self.refused.append(sentence)
        return reply

    def fail(self, *faults: Fault) -> None:
        """Answers the next requests with these faults, one each."""
        with self._lock:
            self._faults.extend(faults)

    def break_down(self, fault: Fault) -> None:
        """Answers every request with the fault until `mend`."""
        self._lasting = fault

    def mend(self) -> None:
        """Ends all faults, and those requests that hang."""
        with self._lock:
            self._lasting = None
            self._faults.clear()
        self._released.set()

    def answer(self, request: Request) -> Reply | None:
        """Records a request and returns the answer; None for a request that gets none."""
        with self._lock:
            self.attempts.append(request)
            fault = self._faults.popleft() if self._faults else self._lasting
        if fault is not None and fault.hang:
            self._released.clear()
            self._released.wait()
            return None
        if fault is not None:
            return fault.reply()
        reply = self.judge(request)
        if reply.status < 300:
            self.accepted.append(request)
        return reply

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Waits until at least this many requests were accepted.

        Raises:
            TimeoutError: they were not; with what was refused.
        """
        wait_until(
            lambda: len(self.accepted) >= count,
            lambda: (
                f"{type(self).__name__} has accepted {count}, not {len(self.accepted)} of"
                f" {len(self.attempts)} requests; refused: {self.refused}"
            ),
            seconds,
        )

    def wait_for_attempts(self, count: int, seconds: float = 60.0) -> None:
        """Waits until at least this many requests came in, whatever was answered.

        Raises:
            TimeoutError: they did not.
        """
        wait_until(
            lambda: len(self.attempts) >= count,
            lambda: f"{type(self).__name__} was asked {count} times, not {len(self.attempts)}",
            seconds,
        )

    def start(self) -> None:
        """Listens on the port; before, and after `stop`, connections to it are refused."""
        server = _Server((LOOPBACK, self.port), self.handler)
        server.endpoint = self
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        self._running = server, thread

    def stop(self) -> None:
        """Stops listening; what was received is kept."""
        if self._running is None:
            return
        server, thread = self._running
        self._released.set()
        server.shutdown()
        server.server_close()
        thread.join()
        self._running = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: Endpoint


class Handler(BaseHTTPRequestHandler):
    """Passes each request to the endpoint, and its answer back."""

    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.endpoint.answer(Request(self.command, self.path, headers, body))
        if reply is None:
            return
        content = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Type": reply.content_type}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Logs nothing: the test checks what came in."""
