from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest

from app.core.errors import ClientGone, PasswordsBusy
from app.core.passwords import Passwords
from app.core.telemetry import LMS_METRICS
from otel.testing import Captured, capture_telemetry


def make(*, memory_kib: int = 7168, parallel: int = 1, most_waiting: int = 2) -> Passwords:
    return Passwords(memory_kib=memory_kib, time_cost=2, parallel=parallel, most_waiting=most_waiting)


@pytest.fixture
def passwords() -> Passwords:
    return make()


@pytest.fixture
def telemetry() -> Iterator[Captured]:
    with capture_telemetry(LMS_METRICS) as captured:
        yield captured


def gone() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def hashed(passwords: Passwords) -> str:
    async with passwords.turn(asyncio.Event()) as hashing:
        return await hashing.hash("correct horse")


# --- hashes ---


async def test_a_password_has_its_hash(passwords: Passwords) -> None:
    stored = await hashed(passwords)
    assert stored.startswith("$argon2id$")
    async with passwords.turn(asyncio.Event()) as hashing:
        assert await hashing.verify("correct horse", stored) == (True, None)
        assert (await hashing.verify("wrong horse", stored))[0] is False


async def test_stronger_parameters_renew_the_hash(passwords: Passwords) -> None:
    weak = await hashed(passwords)
    async with make(memory_kib=9216).turn(asyncio.Event()) as hashing:
        right, renewed = await hashing.verify("correct horse", weak)
    assert right
    assert renewed is not None
    assert "m=9216" in renewed


async def test_an_unknown_user_takes_as_long_as_a_known_one(passwords: Passwords) -> None:
    stored = await hashed(passwords)
    async with passwords.turn(asyncio.Event()) as hashing:
        await hashing.verify("x", None)

        async def seconds(found: str | None) -> float:
            started = time.process_time()
            for _ in range(5):
                assert (await hashing.verify("wrong", found))[0] is False
            return time.process_time() - started

        known, unknown = await seconds(stored), await seconds(None)
    # Both hash once; a shortcut would be hundreds of times faster.
    assert unknown > known / 4


# --- turns ---


class Line:
    """Requests for turns, in the order in which they came."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self.done: list[int] = []

    async def come(self, number: int, left: asyncio.Event) -> asyncio.Task[None]:
        """Makes request `number` ask for a turn, which it only notes."""

        async def use() -> None:
            async with self._passwords.turn(left):
                self.done.append(number)

        task = asyncio.create_task(use())
        await asyncio.sleep(0)
        return task


@asynccontextmanager
async def all_taken(passwords: Passwords, turns: int = 1) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(turns):
            turn: AbstractAsyncContextManager[object] = passwords.turn(asyncio.Event())
            await stack.enter_async_context(turn)
        yield


async def test_turns_come_in_order(passwords: Passwords) -> None:
    line = Line(passwords)
    async with all_taken(passwords):
        tasks = [await line.come(number, asyncio.Event()) for number in range(2)]
        assert line.done == []
    await asyncio.gather(*tasks)
    assert line.done == [0, 1]


async def test_no_more_than_parallel_have_a_turn() -> None:
    passwords = make(parallel=3)
    line = Line(passwords)
    async with all_taken(passwords, 2):
        await (await line.come(1, asyncio.Event()))
        async with all_taken(passwords):
            waiting = await line.come(2, asyncio.Event())
            assert line.done == [1]
    await waiting


async def test_a_full_line_refuses(passwords: Passwords, telemetry: Captured) -> None:
    line = Line(passwords)
    async with all_taken(passwords):
        tasks = [await line.come(number, asyncio.Event()) for number in range(2)]
        assert telemetry.value("lms.password.pending_requests") == 2
        with pytest.raises(PasswordsBusy):
            await (await line.come(3, asyncio.Event()))
        assert telemetry.value("lms.password.turns", {"outcome": "refused"}) == 1
    await asyncio.gather(*tasks)
    assert telemetry.value("lms.password.pending_requests") == 0
    await hashed(passwords)


async def test_a_client_that_is_gone_gets_no_turn(passwords: Passwords, telemetry: Captured) -> None:
    line = Line(passwords)
    with pytest.raises(ClientGone):
        await (await line.come(0, gone()))
    left = asyncio.Event()
    async with all_taken(passwords):
        leaver, stayer = await line.come(1, left), await line.come(2, asyncio.Event())
        left.set()
    with pytest.raises(ClientGone):
        await leaver
    await stayer
    assert line.done == [2]
    assert telemetry.value("lms.password.turns", {"outcome": "abandoned"}) == 2
    assert telemetry.value("lms.password.turns", {"outcome": "begun"}) == 2


async def test_a_client_that_is_gone_makes_room_in_a_full_line(passwords: Passwords) -> None:
    line, left = Line(passwords), asyncio.Event()
    async with all_taken(passwords):
        leavers = [await line.come(number, left) for number in range(2)]
        left.set()
        stayer = await line.come(3, asyncio.Event())
        assert [type(each) for each in await asyncio.gather(*leavers, return_exceptions=True)] == [
            ClientGone
        ] * 2
        assert not stayer.done()
    await stayer


@pytest.mark.parametrize("at_its_turn", [False, True])
async def test_a_cancelled_request_passes_its_turn_on(passwords: Passwords, *, at_its_turn: bool) -> None:
    line = Line(passwords)
    async with all_taken(passwords):
        cancelled, next_one = await line.come(1, asyncio.Event()), await line.come(2, asyncio.Event())
        if not at_its_turn:
            cancelled.cancel()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await next_one
    assert line.done == [2]
    await hashed(passwords)
