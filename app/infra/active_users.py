"""The number of active users: noted on each request, counted in Redis across all processes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from opentelemetry.metrics import Observation

from app.core.clock import Clock
from app.infra.redis import RedisClient, RedisUnavailable

WINDOWS: Final = {"5m": 300, "1h": 3600, "24h": 86400}
"""Name and seconds of each window, the longest last."""

_KEY: Final = "active-users"
_MOST_WAITING: Final = 10_000
_MOST_AT_ONCE: Final = 1_000


class ActiveUsers:
    """Counts distinct users within the last 5 minutes, hour and day.

    A request costs one entry in a set; `report`, called every few seconds, sends the set to Redis. While
    Redis is down, up to 10,000 users are remembered and no count is reported: a stale one would be wrong.
    """

    def __init__(self, redis: RedisClient, clock: Clock) -> None:
        self._count = redis.script("active_users.lua")
        self._clock = clock
        self._waiting: set[str] = set()
        self._counts: list[int] | None = None

    def seen(self, user_id: str) -> None:
        """Notes that a user has just sent a request."""
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.add(user_id)

    async def report(self) -> None:
        """Sends the users seen to Redis and fetches the whole platform's counts."""
        users = list(islice(self._waiting, _MOST_AT_ONCE))
        now = int(self._clock.now().timestamp())
        try:
            self._counts = await self._count(_KEY, args=(now, len(WINDOWS), *WINDOWS.values(), *users))
        except RedisUnavailable:
            self._counts = None
            return
        self._waiting.difference_update(users)

    def observe(self) -> Iterable[Observation]:
        """Yields the counts for the metric; nothing while they are unknown."""
        for window, count in zip(WINDOWS, self._counts or (), strict=False):
            yield Observation(count, {"window": window})
