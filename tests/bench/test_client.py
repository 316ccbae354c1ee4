from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bench.overhead.client import answer_size, load, request_for
from bench.process import BenchError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Answering = Callable[[bytes, asyncio.StreamWriter], None]


@asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[int]:
    """Runs a server that writes exactly the bytes the test wants; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                answer(await reader.readuntil(b"\r\n\r\n"), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield running.sockets[0].getsockname()[1]
    running.close()


async def test_every_request_is_sent_once_over_all_connections() -> None:
    asked: list[bytes] = []

    def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        writer.write(ANSWER)

    async with server(answer) as port:
        taken = await load(port, "/part0/courses/1", 50)

    assert len(asked) == 50
    assert set(asked) == {request_for("/part0/courses/1")}
    assert 0 < taken.latency <= taken.wall


async def test_a_response_in_pieces_is_reassembled() -> None:
    def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in ANSWER:
            writer.write(bytes([byte]))

    async with server(answer) as port:
        assert (await load(port, "/", 3)).wall > 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "500 Oops"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "no content-length"),
    ],
)
async def test_a_wrong_answer_ends_the_run_with_its_reason(answer: bytes, why: str) -> None:
    async with server(lambda _, writer: writer.write(answer)) as port:
        with pytest.raises(BenchError, match=why):
            await load(port, "/", 20)


async def test_a_closed_connection_ends_the_run() -> None:
    async with server(lambda _, writer: writer.close()) as port:
        with pytest.raises(BenchError, match="closed"):
            await load(port, "/", 20)


def test_the_size_of_a_response_is_known_once_its_head_is_complete() -> None:
    assert answer_size(ANSWER[:20]) is None
    assert answer_size(ANSWER[:-2]) == len(ANSWER)
    assert answer_size(ANSWER + b"HTTP/1.1 200") == len(ANSWER)
