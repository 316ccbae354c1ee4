"""The instances that share the limits: each reports itself to Redis, and learns what admins have cleared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from app.infra.rate_limits.redis_script import KEY_PREFIX, Connections, Script, packed

_MEMORY_SECONDS: Final = 60.0
_MOST_REPORTS: Final = 256
_MOST_INSTANCES: Final = 100_000

CLEARED: Final = f"{KEY_PREFIX}cleared"
"""The key of the callers who were cleared lately, see `clear.lua`."""


class Instances:
    """The most instances that reported within the last minute of contact, at least ``least``.

    The most, because a Redis that has just restarted knows few of them yet. ``clock`` is monotonic.
    """

    def __init__(self, name: str, least: int, clock: Callable[[], float]) -> None:
        self._name = name
        self._least = least
        self._clock = clock
        self._script = Script("instances.lua")
        self._reports: deque[tuple[float, int]] = deque(maxlen=_MOST_REPORTS)
        self._time = "0"
        self.count = least

    async def report(self, connections: Connections) -> list[str]:
        """Reports this instance; returns the digests that were cleared since the last report.

        Raises:
            RedisUnavailable: Redis does not answer; the count stays.
            ValueError: What it answers is not the script's.
        """
        arguments = packed(f"{KEY_PREFIX}instances", CLEARED, self._name, self._time)
        answer = await connections.run(self._script, self._script.head(2, 2) + arguments)
        instances, time, *cleared = answer.decode("ascii").split()
        reported = int(instances)
        if not (1 <= reported <= _MOST_INSTANCES and time.isdecimal()):
            raise ValueError("impossible numbers")
        self._time = time
        now = self._clock()
        self._reports.append((now, reported))
        while self._reports[0][0] < now - _MEMORY_SECONDS:
            self._reports.popleft()
        self.count = max(self._least, *(each for _, each in self._reports))
        return cleared
