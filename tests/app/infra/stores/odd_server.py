"""A server that is no store: it answers with what it was given, slowly, without end, or never."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase

Respond = Callable[[BufferedIOBase, threading.Event], None]
"""Writes the answer to one request; the event is set when the server ends."""


@contextmanager
def odd_server(respond: Respond) -> Iterator[str]:
    """Serves until the block ends, one request per connection. Yields the address."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):
                while self.rfile.readline().strip():
                    pass
                respond(self.wfile, over)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            host, port = server.server_address[:2]
            yield f"http://{host!s}:{port}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def answering(body: bytes, status: str = "200 OK", headers: str = "") -> Respond:
    """Returns a whole response with this body."""

    def respond(output: BufferedIOBase, over: threading.Event) -> None:
        del over
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        output.write(head.encode() + body)

    return respond


def silent(output: BufferedIOBase, over: threading.Event) -> None:
    """Never answers."""
    del output
    over.wait()


def dripping(output: BufferedIOBase, over: threading.Event) -> None:
    """Begins an answer and goes on with it for ever, a byte at a time."""
    output.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n[")
    while not over.wait(0.05):
        output.write(b" ")


def endless(output: BufferedIOBase, over: threading.Event) -> None:
    """Answers with more than fits anywhere."""
    output.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        output.write(b"[" * 65536)


def no_http(output: BufferedIOBase, over: threading.Event) -> None:
    """Answers in another protocol."""
    del over
    output.write(b"\x00\xff+PONG\r\n")


GARBAGE: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"status":"success"}',
    b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":["x","y"]}]}}',
    b'{"status":"error","data":{"resultType":"vector","result":[]}}',
    b'{"status":"success","data":{"resultType":"matrix","result":{}}}',
]
