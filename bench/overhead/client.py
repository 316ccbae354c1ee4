"""A lean HTTP client: keep-alive connections that request one path repeatedly."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Final

from bench.overhead.exchange import HEADERS
from bench.process import BenchError
from stack.native.ports import LOOPBACK

CONNECTIONS: Final = 8
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """A run's duration and the median time from request to response, in seconds."""

    wall: float
    latency: float


class Connection(asyncio.Protocol):
    """Sends the request, waits for its complete response, and repeats while `left` is positive.

    Args:
        request: the bytes of one request.
        left: how many requests are still to be sent; shared by the connections of a run.
        latencies: the seconds of each request are appended here.
    """

    def __init__(self, request: bytes, left: list[int], latencies: list[float]) -> None:
        self._request = request
        self._left = left
        self._latencies = latencies
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Collects a response; when it is complete, sends the next request."""
        self._buffer += data
        size = answer_size(self._buffer)
        if size is None or len(self._buffer) < size:
            return
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            self._fail(self._buffer[:200].decode("latin-1"))
            return
        self._latencies.append(time.perf_counter() - self._sent_at)
        self._buffer = self._buffer[size:]
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        """Fails the run if the server closes the connection during it."""
        self._fail(f"the connection was closed: {error}")

    def _next(self) -> None:
        if self._transport is None:
            return
        if self._left[0] <= 0:
            self._settle(None)
            return
        self._left[0] -= 1
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, why: str) -> None:
        self._settle(BenchError(f"a request failed: {why}"))

    def _settle(self, error: BenchError | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        if self._transport is not None:
            self._transport.close()


def answer_size(received: bytes) -> int | None:
    """Returns the size in bytes of the first response in `received`; None while its head is incomplete.

    Raises:
        BenchError: The response does not state its length.
    """
    head = received.find(_END)
    if head < 0:
        return None
    length = _LENGTH.search(received, 0, head + len(_END))
    if length is None:
        raise BenchError("the server's answer has no content-length")
    return head + len(_END) + int(length[1])


def request_for(path: str) -> bytes:
    """Returns the bytes of a GET request with a browser's headers."""
    lines = [b"GET " + path.encode() + b" HTTP/1.1", *(b": ".join(header) for header in HEADERS)]
    return b"\r\n".join(lines) + _END


async def load(port: int, path: str, requests: int) -> Load:
    """Sends the requests over eight connections and returns when all are answered.

    Raises:
        BenchError: One was not answered with 200.
    """
    left, latencies = [requests], list[float]()
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request_for(path), left, latencies), LOOPBACK, port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    wall = time.perf_counter() - start
    return Load(wall, sorted(latencies)[len(latencies) // 2])
