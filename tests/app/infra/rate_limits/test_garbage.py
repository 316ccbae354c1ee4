"""Whatever answers in Redis's place: what is no answer of our scripts is an outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.infra.redis import RedisUnavailable
from tests.app.infra.rate_limits.crowds import count
from tests.app.infra.rate_limits.limiters import asked, limiting, rule
from tests.programs import free_port


@asynccontextmanager
async def answering(answer: bytes, *, greets: bool = False) -> AsyncIterator[str]:
    """Something that listens where Redis should, and answers `answer` to whatever it is sent.

    `greets`: it takes a new connection as Redis does; `answer` is what it says of a script.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65_536):
            if not greets or b"EVALSHA" in sent:
                writer.write(answer)
            else:
                writer.write(b"+OK\r\n" * sent.count(b"*"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port := free_port())
    async with server:
        yield f"redis://127.0.0.1:{port}/0?protocol=2"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n",
        b"-ERR unknown command\r\n",
        b":1\r\n",
        b":one\r\n",
        b"$-1\r\n",
        b"$5\r\n1 2 3\r\n",
        b"$7\r\n1 x y z\r\n",
        b"$99999999999\r\n",
        b"*2\r\n:1\r\n:2\r\n",
        b"*-7\r\n",
        b"\xff\xfe\x00",
        b"\r\n" * 1000,
        b"",
    ],
)
async def test_garbage_in_place_of_answers_is_an_outage(answer: bytes) -> None:
    async with answering(answer) as url, limiting(url, rule("one", "ip", (5, "1h")), seconds=0.2) as limiter:
        decisions = [await limiter.decide(asked()) for _ in range(8)]
        assert count(decisions) == 5
        assert {each.backend for each in decisions} == {"local"}
        assert limiter.state().breaker == "open"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"1",
        b"1 b 0 0 " + b"9" * 400,
        b"1 b 0 0 " + b"9" * 5000,
        b"1 b -5 -5 -7",
        b"1 b 6 0 0",
        b"1 b 4 -1 0",
        b"1 b 4 3600000001 0",
        b"0 b 0 0 3600000001",
        b"0 b 4 0 0",
        b"1 b 0 1 1",
        b"yes b 4 1 0",
        b"1 b 4 1 0 0",
        b"1 b 4 1 \xd9\xa1",
    ],
)
async def test_impossible_numbers_are_an_outage(text: bytes) -> None:
    answer = b"$%d\r\n%s\r\n" % (len(text), text)
    async with answering(answer, greets=True) as url, limiting(url, rule("one", "ip", (5, "1h"))) as limiter:
        decisions = [await limiter.decide(asked()) for _ in range(8)]
        assert limiter.state().last_error == "InvalidResponse"
    assert count(decisions) == 5
    assert {each.backend for each in decisions} == {"local"}


@pytest.mark.parametrize("text", [b"", b"-1", b"7", b"x", b"9" * 5000, b"\xb2"])
async def test_garbage_in_place_of_what_was_cleared_is_an_outage(text: bytes) -> None:
    answer = b"$%d\r\n%s\r\n" % (len(text), text)
    async with answering(answer, greets=True) as url, limiting(url, rule("one", "ip")) as limiter:
        with pytest.raises(RedisUnavailable):
            await limiter.clear("ip", "192.0.2.1")


async def test_garbage_in_place_of_a_report_is_an_outage() -> None:
    for text in (b"", b"1", b"0 1", b"-1 1", b"100001 1", b"x 1", b"1 -1", b"1 \xb2", b"9" * 5000):
        answer = b"$%d\r\n%s\r\n" % (len(text), text)
        async with answering(answer, greets=True) as url, limiting(url, rule("one", "ip")) as limiter:
            await limiter.report()
            assert limiter.state().last_error == "InvalidResponse"
            assert limiter.state().instances == 1
