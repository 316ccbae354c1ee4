"""The limits of a connection: a real server on a free port, and clients that write raw bytes."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from app.core.telemetry import LMS_METRICS
from app.http.server import MOST_PIPELINED, BoundedHttp, Limits, bounded
from otel.testing import Captured, capture_telemetry
from tests.app.http.raw_server import Echo, Server, listening
from tests.programs import wait

LIMITS: Final = Limits(
    header_bytes=2048, header_fields=20, header_seconds=60, body_seconds=60, connections=50
)
HURRIED: Final = replace(LIMITS, header_seconds=0.2, body_seconds=0.2)
PIECES: Final = pytest.mark.parametrize("piece", [1, 7, 100_000])
GET: Final = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def telemetry() -> Iterator[Captured]:
    with capture_telemetry(LMS_METRICS) as captured:
        yield captured


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def server(echo: Echo, telemetry: Captured) -> AsyncIterator[Server]:  # noqa: ARG001 - it counts refusals
    async with listening(echo, LIMITS) as running:
        yield running


@pytest.fixture
async def hurried(echo: Echo, telemetry: Captured) -> AsyncIterator[Server]:  # noqa: ARG001 - as above
    async with listening(echo, HURRIED) as running:
        yield running


def problem(answer: bytes) -> tuple[int, str]:
    """Returns status and code of the only problem in the response, after checking its form."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.lower().split(b"\r\n")
    assert b"content-type: application/problem+json" in lines
    assert b"connection: close" in lines
    assert f"content-length: {len(body)}".encode() in lines
    found = json.loads(body)
    assert found["type"] == f"/api/v1/problems#{found['code']}"
    assert str(found["status"]).encode() in status_line
    return found["status"], found["code"]


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def head(*lines: bytes, size: int = 0) -> bytes:
    """Returns a head with these lines, filled up to `size` bytes."""
    found = b"\r\n".join([b"GET / HTTP/1.1", b"Host: x", b"Connection: close", *lines, b"F: %b", b"", b""])
    return found % (b"f" * (size - len(found) + len(b"%b")))


# --- size and count ---


@PIECES
async def test_a_head_of_the_limit_is_served(server: Server, piece: int) -> None:
    assert statuses(await server.talk(head(size=LIMITS.header_bytes), piece)) == [200]


@PIECES
async def test_a_head_over_the_limit_is_refused(
    echo: Echo, server: Server, telemetry: Captured, piece: int
) -> None:
    answer = await server.talk(head(size=LIMITS.header_bytes + 1), piece)
    assert problem(answer) == (431, "headers_too_large")
    assert telemetry.value("lms.requests.refused", {"code": "headers_too_large"}) == 1
    assert echo.seen == []


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"GET /" + b"a" * 1_000_000, id="target"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a" * 1_000_000, id="name"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 1_000_000, id="value"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 200_000, id="fields"),
        pytest.param(b"\r\n" * 500_000, id="blank lines"),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 1_000_000,
            id="chunk extension",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"a" * 1_000_000, id="trailer"
        ),
    ],
)
async def test_input_that_does_not_end_is_refused(server: Server, endless: bytes) -> None:
    assert problem(await server.talk(endless, 10_000)) == (431, "headers_too_large")


async def test_a_client_that_keeps_sending_is_cut_off(server: Server) -> None:
    _, writer = await server.connect()

    async def send_for_ever() -> None:
        while True:
            writer.write(b"a" * 100_000)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await send_for_ever()


@PIECES
async def test_fields_are_counted(server: Server, piece: int) -> None:
    most = [b"A: b"] * (LIMITS.header_fields - 3)
    assert statuses(await server.talk(head(*most), piece)) == [200]
    assert problem(await server.talk(head(*most, b"A: b"), piece)) == (431, "too_many_headers")


async def test_a_second_head_in_the_same_packet_is_measured_too(server: Server) -> None:
    sent = GET + head(size=LIMITS.header_bytes + 1)
    assert statuses(await server.talk(sent)) == [200]


async def test_the_application_sees_no_trailer(echo: Echo, server: Server) -> None:
    framing = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nRole: x\r\n\r\n"
    assert statuses(await server.talk(b"POST / HTTP/1.1\r\n" + framing)) == [200]
    assert [name for name, _ in echo.seen[0]] == [b"transfer-encoding", b"connection"]


async def test_few_requests_wait_on_one_connection(echo: Echo, server: Server, telemetry: Captured) -> None:
    echo.gate.clear()
    talking = asyncio.create_task(server.talk(GET * 5_000))
    refused = {"code": "malformed_request"}
    await wait(lambda: telemetry.value("lms.requests.refused", refused), "the refusal is counted")
    (connection,) = server.state.connections
    assert isinstance(connection, BoundedHttp)
    assert len(connection.pipeline) == MOST_PIPELINED
    echo.gate.set()
    assert statuses(await talking) == [200] * (MOST_PIPELINED + 1)


async def test_connections_are_counted(echo: Echo, telemetry: Captured) -> None:
    async with listening(echo, replace(LIMITS, connections=2)) as server:
        first, second = await server.connect(), await server.connect()
        answer = await server.talk(GET)
        assert problem(answer) == (503, "too_many_connections")
        assert b"\r\nretry-after: " in answer
        assert telemetry.value("lms.requests.refused", {"code": "too_many_connections"}) == 1
        first[1].close()
        await wait(lambda: len(server.state.connections) == 1, "one connection is left")
        assert statuses(await server.talk(head())) == [200]
        second[1].close()


# --- time ---


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", GET + b"GET /"])
async def test_an_incomplete_head_times_out(hurried: Server, sent: bytes) -> None:
    answer = await hurried.talk(sent)
    *served_before, last = answer.split(b"HTTP/1.1 ")[1:]
    assert problem(b"HTTP/1.1 " + last) == (408, "request_timeout")
    assert len(served_before) == sent.count(GET)


async def test_more_of_the_same_head_gives_no_more_time(hurried: Server) -> None:
    reader, writer = await hurried.connect()
    writer.write(b"GET / HTTP/1.1\r\n")
    answer = asyncio.create_task(reader.read())
    while not answer.done():
        writer.write(b"A: b\r\n")
        await asyncio.sleep(0.05)
    assert problem(answer.result()) == (408, "request_timeout")
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET + b"\r\n"])
async def test_an_idle_connection_closes_without_a_response(hurried: Server, sent: bytes) -> None:
    assert statuses(await hurried.talk(sent)) == [200] * sent.count(GET)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 10\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
)
async def test_an_incomplete_body_times_out(echo: Echo, hurried: Server, framing: bytes) -> None:
    answer = await hurried.talk(b"POST /a HTTP/1.1\r\n" + framing)
    assert problem(answer) == (408, "request_timeout")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["instance"] == "/a"
    assert echo.abandoned == 1


async def test_the_rest_of_an_answered_body_is_not_waited_for_and_not_answered(hurried: Server) -> None:
    answer = await hurried.talk(b"POST /early HTTP/1.1\r\nContent-Length: 10\r\n\r\nab")
    assert statuses(answer) == [200]


async def test_a_slow_application_is_not_the_clients_fault(
    echo: Echo, hurried: Server, telemetry: Captured
) -> None:
    echo.gate.clear()
    reader, writer = await hurried.connect()
    writer.write(GET + b"GET / HTTP/1.1\r\n")
    await wait(lambda: hurried.state.tasks, "the request is at work")
    (connection,) = hurried.state.connections
    assert isinstance(connection, BoundedHttp)
    first = connection._timer
    await wait(lambda: connection._timer not in {first, None}, "its time is over")
    assert telemetry.value("lms.requests.refused", {"code": "request_timeout"}) == 0
    echo.gate.set()
    writer.write(b"Connection: close\r\n\r\n")
    assert statuses(await asyncio.wait_for(reader.read(), 60)) == [200, 200]
    writer.close()


# --- input that is not HTTP ---


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"hello\r\n\r\n", id="no request line"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"GET / HTTP/1.1\r\nA b: c\r\n\r\n", id="blank in a name"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", id="target not ASCII"),
        pytest.param(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", id="CONNECT"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", id="chunk size"),
    ],
)
async def test_input_that_is_not_http_gets_a_problem(
    server: Server, telemetry: Captured, sent: bytes
) -> None:
    assert problem(await server.talk(sent)) == (400, "malformed_request")
    assert telemetry.value("lms.requests.refused", {"code": "malformed_request"}) == 1


async def test_an_earlier_request_is_answered_before_garbage_ends_the_connection(server: Server) -> None:
    assert statuses(await server.talk(GET + b"garbage\r\n\r\n")) == [200]


@PIECES
async def test_within_the_limits_responses_are_the_same_as_uvicorns(
    echo: Echo, server: Server, piece: int
) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"
    last = b"Host: x\r\nConnection: close\r\n\r\n"
    conversations = [
        GET + b"GET / HTTP/1.1\r\n" + last,
        b"HEAD / HTTP/1.1\r\n" + last,
        b"POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" + last,
        b"POST /b HTTP/1.1\r\n" + chunked + b"GET / HTTP/1.1\r\n" + last,
        b"POST /b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n" + last,
        b"POST /b HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n",
        b"POST /b HTTP/1.1\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n" + b"a" * 200_000,
    ]
    async with listening(echo, None) as plain:
        for sent in conversations:
            size = max(piece, len(sent) // 5_000)
            assert await server.talk(sent, size) == await plain.talk(sent, size)


def test_the_protocol_can_be_pickled_for_a_worker() -> None:
    sent: Any = pickle.loads(pickle.dumps(bounded(LIMITS)))  # noqa: S301 - our own
    assert (sent.func, sent.keywords) == (BoundedHttp, {"limits": LIMITS})
