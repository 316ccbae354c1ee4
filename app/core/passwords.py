"""Hashes and verifies passwords a few at a time, with a bounded queue. Pure: no network."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.errors import ClientGone, PasswordsBusy
from app.core.identifiers import new_id
from app.core.telemetry import PASSWORD_QUEUE, PASSWORD_TURNS


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A queued request; ``turn`` completes when it may proceed, or raises `ClientGone`."""

    turn: asyncio.Future[None]
    gone: asyncio.Event


class Passwords:
    """Hashes and verifies passwords with argon2id in threads, ``parallel`` at once to bound the memory.

    Further requests queue, at most ``most_waiting``. One whose client is gone when its turn comes is skipped,
    and makes room when the queue is full. ``memory_kib`` and ``time_cost`` are argon2's parameters
    (RFC 9106); OWASP's minimum is 7168 KiB with 5 passes or 19456 KiB with 2.
    """

    def __init__(self, *, memory_kib: int, time_cost: int, parallel: int, most_waiting: int) -> None:
        hasher = Argon2Hasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._hashing = Turn(PasswordHash((hasher,)))
        self._free = parallel
        self._most_waiting = most_waiting
        self._line: deque[_Waiting] = deque()

    @asynccontextmanager
    async def turn(self, gone: asyncio.Event) -> AsyncIterator[Turn]:
        """Waits for this request's turn, unless its client is ``gone``, and keeps it while the block runs.

        Raises:
            PasswordsBusy: The queue is full.
            ClientGone: ``gone`` was set before the turn came; no work was started.
        """
        try:
            await self._enter(gone)
        except PasswordsBusy:
            PASSWORD_TURNS.add(1, {"outcome": "refused"})
            raise
        except ClientGone:
            PASSWORD_TURNS.add(1, {"outcome": "abandoned"})
            raise
        PASSWORD_TURNS.add(1, {"outcome": "begun"})
        try:
            yield self._hashing
        finally:
            self._leave()

    async def _enter(self, gone: asyncio.Event) -> None:
        if gone.is_set():
            raise ClientGone
        if self._free > 0:
            self._free -= 1
            return
        if len(self._line) >= self._most_waiting:
            self._line = deque(waiting for waiting in self._line if self._still_waits(waiting))
        if len(self._line) >= self._most_waiting:
            raise PasswordsBusy
        PASSWORD_QUEUE.add(1)
        try:
            await self._wait_in_line(gone)
        finally:
            PASSWORD_QUEUE.add(-1)

    async def _wait_in_line(self, gone: asyncio.Event) -> None:
        waiting = _Waiting(asyncio.get_running_loop().create_future(), gone)
        self._line.append(waiting)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if not waiting.turn.cancelled():  # the turn came at the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        """Gives the turn to the next request that still waits."""
        while self._line:
            waiting = self._line.popleft()
            if self._still_waits(waiting):
                waiting.turn.set_result(None)
                return
        self._free += 1

    @staticmethod
    def _still_waits(waiting: _Waiting) -> bool:
        """Tells whether a queued request can use a turn; fails its wait if its client is gone."""
        if waiting.turn.done():
            return False
        if waiting.gone.is_set():
            waiting.turn.set_exception(ClientGone())
            return False
        return True


class Turn:
    """The operations of a request whose turn it is."""

    def __init__(self, hasher: PasswordHash) -> None:
        self._hasher = hasher
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Returns the salted hash of ``password`` in PHC format."""
        return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Returns whether ``password`` matches, and the hash to store instead if the parameters changed.

        Without a hash (an unknown user) it takes as long as with one and returns False.
        """
        if hashed is None:
            await self._verify(password, await self._decoy_hash())
            return False, None
        return await self._verify(password, hashed)

    async def _verify(self, password: str, hashed: str) -> tuple[bool, str | None]:
        return await asyncio.to_thread(self._hasher.verify_and_update, password, hashed)

    async def _decoy_hash(self) -> str:
        if self._decoy is None:
            self._decoy = await self.hash(new_id("decoy"))
        return self._decoy
