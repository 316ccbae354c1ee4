"""How many instances share the limits: each reports itself to Redis while that lives."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from app.infra.rate_limits.applicable import KEY_PREFIX
from app.infra.rate_limits.redis_script import Connections, Script, packed

_MEMORY_SECONDS: Final = 60.0
_MOST_REPORTS: Final = 256


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
        self.count = least

    async def report(self, connections: Connections) -> None:
        """Reports this instance.

        Raises:
            RedisUnavailable: Redis does not answer; the count stays.
            ValueError: What it answers is no number.
        """
        command = self._script.head(1, 1) + packed(f"{KEY_PREFIX}instances", self._name)
        reported = int(await connections.run(self._script, command))
        now = self._clock()
        self._reports.append((now, reported))
        while self._reports[0][0] < now - _MEMORY_SECONDS:
            self._reports.popleft()
        self.count = max(self._least, *(each for _, each in self._reports))
