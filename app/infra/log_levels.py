"""Temporary log levels, set by an admin and shared with every process of the platform through Redis."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import otel
from app.core.clock import Clock
from app.infra.redis import RedisClient, RedisUnavailable

_KEY: Final = "log-levels"


@dataclass(frozen=True, slots=True)
class _Shared:
    level: str
    ends_ms: int

    @classmethod
    def read(cls, value: str) -> _Shared:
        level, _, ends = value.partition(" ")
        return cls(level, int(ends))

    def __str__(self) -> str:
        return f"{self.level} {self.ends_ms}"


class LogLevels:
    """The changed levels: applied in this process at once, in the others at their next `follow`.

    Without Redis a change applies to this process alone, because it is needed most during an outage.
    """

    def __init__(self, redis: RedisClient, clock: Clock) -> None:
        self._share = redis.script("log_levels.lua")
        self._clock = clock
        self._followed: dict[str, _Shared] = {}

    async def set(self, logger: str, level: str, seconds: int) -> bool:
        """Changes a level temporarily; returns whether every process will apply it.

        Raises:
            ValueError: Too many levels are already overridden.
        """
        otel.set_level(logger, level, seconds)
        shared = _Shared(level, self._now() + seconds * 1000)
        if not await self._publish(logger, str(shared)):
            self._followed.pop(logger, None)  # or the next `follow` would revert it
            return False
        self._followed[logger] = shared
        return True

    async def reset(self, logger: str) -> bool:
        """Reverts a change; returns whether there was one, here or in any process."""
        was_known = logger in await self._held()
        is_changed = otel.reset_level(logger)
        self._followed.pop(logger, None)
        await self._publish(logger, "")
        return was_known or is_changed

    async def follow(self) -> None:
        """Applies and reverts here what other processes have changed and reverted."""
        try:
            held = await self._read()
        except RedisUnavailable:
            return
        for logger in self._followed.keys() - held.keys():
            otel.reset_level(logger)
        for logger, shared in held.items():
            if self._followed.get(logger) != shared:
                self._apply(logger, shared)
        self._followed = held

    def _apply(self, logger: str, shared: _Shared) -> None:
        seconds = (shared.ends_ms - self._now()) / 1000
        with suppress(ValueError):  # it expires within a second, or too many are overridden here
            otel.set_level(logger, shared.level, seconds)

    async def _held(self) -> dict[str, _Shared]:
        try:
            return await self._read()
        except RedisUnavailable:
            return {}

    async def _read(self) -> dict[str, _Shared]:
        found = await self._share(_KEY, args=(self._now(),))
        return {logger: _Shared.read(value) for logger, value in zip(found[::2], found[1::2], strict=True)}

    async def _publish(self, logger: str, value: str) -> bool:
        try:
            await self._share(_KEY, args=(self._now(), logger, value))
        except RedisUnavailable:
            return False
        return True

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
