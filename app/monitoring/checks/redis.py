"""Redis: whether it answers, how full it is, what it evicts and whether it can save."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from app.core.settings import Settings
from app.infra.redis import RedisClient
from app.infra.resources import Resources
from app.monitoring.health_check import Check, Measurement, Status, at_most
from app.monitoring.health_lookback import INTERVALS, Growth

ADVICE: Final = "Start Redis again (`make status`); until then nobody can extend a session or log out."
_FULL: Final = "Raise Redis' maxmemory before it evicts sessions, which signs people out."
_EVICTS: Final = "Raise Redis' maxmemory: what it evicts are sessions and limits, not only cached pages."
_CANNOT_SAVE: Final = "Free disk space for Redis and read its log; a restart now would lose sessions."
_SAVES: Final = ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status")
_MS: Final = 1000
_MINUTE: Final = 60


class RedisProbe:
    """Asks Redis for its own figures; the time of that round trip is the response time."""

    def __init__(
        self,
        redis: RedisClient,
        *,
        most_memory: float,
        look_back: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._most_memory = most_memory
        self._evicted = Growth(look_back, monotonic)

    async def __call__(self) -> Sequence[Measurement]:
        """Measures round trip, memory, evictions, persistence and version.

        Raises:
            RedisUnavailable: It does not answer, or not like a Redis.
        """
        started = time.perf_counter()
        info = await self._redis.info()
        answered = (time.perf_counter() - started) * _MS
        return [
            Measurement("responseTime", answered, "ms"),
            self._memory(info),
            self._evictions(int(info["evicted_keys"])),
            _persistence(info),
            Measurement("serverVersion", str(info["redis_version"])),
        ]

    def _memory(self, info: Mapping[str, Any]) -> Measurement:
        used, most = int(info["used_memory"]), int(info["maxmemory"])
        if not most:
            return Measurement("memoryUsed", used, "By")
        output = f"{used:,} of {most:,} bytes of maxmemory are used."
        return at_most("memoryUsed", used / most, self._most_memory, unit="1", output=output, advice=_FULL)

    def _evictions(self, total: int) -> Measurement:
        seconds, evicted = self._evicted.add(total)
        rate = evicted / seconds * _MINUTE if seconds else 0.0
        output = f"Redis evicted {evicted} keys in the last {seconds:.0f} s."
        return at_most("evictions", rate, 0, unit="{key}/min", output=output, advice=_EVICTS)


def _persistence(info: Mapping[str, Any]) -> Measurement:
    failed = [name for name in _SAVES if info.get(name, "ok") != "ok"]
    if not failed:
        return Measurement("persistence", "ok")
    output = f"Redis could not save: {', '.join(failed)}."
    return Measurement("persistence", "err", None, Status.WARN, output, _CANNOT_SAVE)


def check(settings: Settings, resources: Resources) -> Check:
    """Returns the check of Redis."""
    return Check(
        "redis",
        RedisProbe(
            resources.redis,
            most_memory=settings.health_max_redis_memory,
            look_back=INTERVALS * settings.health_seconds,
        ),
        ADVICE,
        interval=settings.health_seconds,
        limit=settings.health_limit_seconds,
        kind="datastore",
        immediate=True,
    )
