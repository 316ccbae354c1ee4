"""Redis, behind a thin port: short time limits, one kind of error, no retry that makes a request wait."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from importlib.resources import files
from typing import Any, Final, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

_T = TypeVar("_T")

KEY_PREFIX: Final = "lms:"


_GARBLED: Final = (ValueError, TypeError, AttributeError, LookupError)
"""What the client raises, besides its own errors, when it reads an answer that is not of Redis' protocol."""


class RedisUnavailable(Exception):  # noqa: N818 - a state that every caller handles
    """Redis did not answer within its time limit, or rejected the command."""


class RedisClient:
    """The commands that the platform uses; all raise `RedisUnavailable`.

    ``seconds`` bounds the wait for a connection and for an answer: it is short, because every caller can do
    without Redis. A connection that the server closed is replaced once, immediately; the client's own default
    would retry for seconds while the request waits.
    """

    def __init__(self, url: str, *, seconds: float) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
            max_connections=100,
        )
        self._scripts: list[AsyncScript] = []

    async def info(self) -> dict[str, Any]:
        """Returns what the server says about itself (INFO), in one round trip."""
        return cast("dict[str, Any]", await _answer(self._redis.info()))

    async def get(self, key: str) -> str | None:
        """Returns the value of ``key``."""
        return cast("str | None", await _answer(self._redis.get(KEY_PREFIX + key)))

    async def get_many(self, *keys: str) -> list[str | None]:
        """Returns the values of ``keys``, in one round trip."""
        found: Any = await _answer(self._redis.mget([KEY_PREFIX + key for key in keys]))
        if not isinstance(found, list) or len(found) != len(keys):
            raise RedisUnavailable("an answer of another shape")
        return found

    async def set(self, key: str, value: str, *, seconds: float) -> None:
        """Sets ``key``, which expires after ``seconds``."""
        await _answer(self._redis.set(KEY_PREFIX + key, value, px=int(seconds * 1000)))

    async def set_many(self, values: Mapping[str, str], *, seconds: float) -> None:
        """Sets keys, which expire after ``seconds``, in one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in values.items():
            pipeline.set(KEY_PREFIX + key, value, px=int(seconds * 1000))
        await _answer(pipeline.execute())

    async def delete(self, key: str) -> None:
        """Removes ``key``."""
        await _answer(self._redis.delete(KEY_PREFIX + key))

    async def remove(self, key: str, member: str) -> None:
        """Removes ``member`` from the sorted set ``key``."""
        await _answer(self._redis.zrem(KEY_PREFIX + key, member))

    def script(self, name: str) -> RedisScript:
        """Returns the Lua script in this package's file ``name``."""
        source = files(__package__).joinpath(name).read_text(encoding="utf-8")
        script = self._redis.register_script(source)
        self._scripts.append(script)
        return RedisScript(script)

    async def load_scripts(self) -> None:
        """Loads the requested scripts into Redis, so that the first call of each finds it there."""
        for script in self._scripts:
            await _answer(self._redis.script_load(script.script))

    async def close(self) -> None:
        """Closes all connections."""
        await self._redis.aclose()


class RedisScript:
    """A Lua script, which Redis runs atomically."""

    def __init__(self, script: AsyncScript) -> None:
        self._script = script

    async def __call__(self, *keys: str, args: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - what Lua returns
        """Runs the script on ``keys`` and returns what it returns."""
        return await _answer(self._script(keys=[KEY_PREFIX + key for key in keys], args=list(args)))


async def _answer(operation: Awaitable[_T]) -> _T:
    """Returns the operation's result; the only place that translates the client's errors into ours."""
    try:
        return await operation
    except (RedisError, OSError, *_GARBLED) as error:
        raise RedisUnavailable(type(error).__name__) from error
