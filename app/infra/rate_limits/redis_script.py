"""Lua scripts in Redis, on connections of their own: one short time limit, one kind of error."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from app.infra.redis import RedisUnavailable

KEY_PREFIX: Final = "{lms:limits}:"
"""Begins every key. The braces put all keys into one slot of a Redis Cluster, so that one script may use the
keys of an address, a user, an endpoint and everybody at once.
The price: one node of a cluster does all the work."""

BEGUN: Final = f"{KEY_PREFIX}begun"
"""The key that names the lifetime of Redis's data, see `begun.lua`."""

_MOST_AT_ONCE: Final = 64


class Script:
    """The Lua script in this package's file ``name``, and the command that runs it."""

    def __init__(self, name: str) -> None:
        self.source = files(__package__).joinpath(name).read_text(encoding="utf-8")
        self._sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    def head(self, keys: int, arguments: int) -> str:
        """Returns the beginning of a command with so many keys and arguments; they follow, `packed`."""
        return f"*{3 + keys + arguments}\r\n{packed('EVALSHA', self._sha, str(keys))}"


def packed(*parts: str) -> str:
    """Returns parts of a command, which are ASCII, in Redis' protocol."""
    return "".join([f"${len(part)}\r\n{part}\r\n" for part in parts])


class Connections:
    """Connections to one Redis; a call is bounded by ``seconds``, connecting and waiting included.

    A call takes half of the CPU time that it takes through the client of the rest of the platform, which
    packs what never changes and decodes lists. Calls create no spans: the limiter measures them itself.
    """

    def __init__(self, url: str, *, seconds: float) -> None:
        self._pool = ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)
        self._seconds = seconds
        self._begun = packed("EVAL", Script("begun.lua").source, "1", BEGUN).encode()
        self._idle: list[AbstractConnection] = []
        self._free = asyncio.Semaphore(_MOST_AT_ONCE)

    async def run(self, script: Script, command: str) -> bytes:
        """Sends ``command``, which runs ``script``; returns the text that it answers.

        Raises:
            RedisUnavailable: Redis did not answer in time, refused the command, or answered something else.
        """
        try:
            async with asyncio.timeout(self._seconds), self._free:
                return await self._answer(script, command.encode())
        except Exception as error:  # whatever listens in Redis' place may answer anything
            raise RedisUnavailable(_reason(error)) from error

    async def _answer(self, script: Script, command: bytes) -> bytes:
        try:
            return await self._text(command)
        except NoScriptError:
            await self._exchange([b"*4\r\n", self._begun])
            await self._exchange([b"*3\r\n", packed("SCRIPT", "LOAD", script.source).encode()])
            return await self._text(command)

    async def _text(self, command: bytes) -> bytes:
        answer = await self._exchange([command])
        if not isinstance(answer, bytes):
            await self.close()
            raise TypeError("not a text")
        return answer

    async def _exchange(self, command: Sequence[bytes]) -> object:
        """Sends a command; on a new connection if the server has closed the one that was used before."""
        if self._idle:
            try:
                return await self._exchange_on(self._idle.pop(), command)
            except RedisConnectionError:
                await self.close()
        return await self._exchange_on(self._new(), command)

    async def _exchange_on(self, connection: AbstractConnection, command: Sequence[bytes]) -> object:
        try:
            await connection.send_packed_command(command, check_health=False)
            answer = await connection.read_response(disable_decoding=True)
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:
            # A late answer on this connection would be taken for that of the next call.
            await connection.disconnect(nowait=True)
            raise
        self._idle.append(connection)
        return answer

    def _new(self) -> AbstractConnection:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]  # it has no types
        return connection

    async def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)


def _reason(error: Exception) -> str:
    """Returns a word for logs: Redis' own error code if it refused, else the error's type."""
    if isinstance(error, ResponseError):
        code = re.search(r"\b[A-Z]{3,20}\b", str(error))
        return code[0] if code else "ResponseError"
    return type(error).__name__
