"""One limiter in a process of its own: ``python -m bench.limits.child NAME REDIS_URL TASK``; prints JSON.

Tasks: ``speed`` (decisions a second by 64 clients), ``alone`` (one client: CPU time of a decision), ``edge``
(the most that a window has seen admitted, by 64 clients), ``memory`` (bytes per key), ``commands`` (per
decision), ``ping`` (no decision: what a client of Redis alone costs).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from typing import Any, Final

import redis
import redis.asyncio

from bench.limits.contestants import CONTESTANTS, Contestant, Limits

CLIENTS: Final = 64
CALLERS: Final = 200
DECISIONS: Final = 2_400
EDGE_LIMIT: Final = 100
EDGE_SECONDS: Final = 5.0
MEMORY_CALLERS: Final = 300
MEMORY_HITS: Final = 20

Task = Callable[[Contestant, "redis.Redis"], Awaitable[dict[str, float]]]


async def speed(limiter: Contestant, _: redis.Redis) -> dict[str, float]:
    """Measures decisions a second and the CPU time of each, by 64 clients at once."""
    return await _timed(limiter, CLIENTS, DECISIONS)


async def alone(limiter: Contestant, _: redis.Redis) -> dict[str, float]:
    """Measures the same by one client, one decision after the other."""
    return await _timed(limiter, 1, DECISIONS // 4)


async def _timed(limiter: Contestant, clients: int, decisions: int) -> dict[str, float]:
    for number in range(200):
        await limiter.decide(f"192.0.2.{number % CALLERS}")
    left = iter(range(decisions))
    refused = 0

    async def ask() -> None:
        nonlocal refused
        for number in left:
            refused += not await limiter.decide(f"192.0.2.{number % CALLERS}")

    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(clients)))
    wall, spent = time.perf_counter() - started, time.process_time() - cpu
    return {"per_second": decisions / wall, "cpu": spent / decisions, "refused": refused}


async def edge(limiter: Contestant, _: redis.Redis) -> dict[str, float]:
    """Counts the most admissions that lie within one second for certain: sent and answered within it."""
    admitted: list[tuple[float, float]] = []
    end = time.monotonic() + EDGE_SECONDS

    async def ask() -> None:
        while (sent := time.monotonic()) < end:
            if await limiter.decide("192.0.2.1"):
                admitted.append((sent, time.monotonic()))

    await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return {"most": _most_within(admitted, 1.0), "admitted": len(admitted), "limit": EDGE_LIMIT}


def _most_within(spans: list[tuple[float, float]], seconds: float) -> int:
    """Returns the most spans that one interval of so many seconds contains."""
    most = 0
    for begin, _ in spans:
        answered = sorted(end for sent, end in spans if begin <= sent < begin + seconds)
        most = max(most, bisect_left(answered, begin + seconds))
    return most


async def memory(limiter: Contestant, client: redis.Redis) -> dict[str, float]:
    """Measures Redis' memory for each key, with twenty requests counted in those of addresses and users."""
    before = client.info("memory")["used_memory"]
    for number in range(MEMORY_CALLERS * MEMORY_HITS):
        await limiter.decide(f"192.0.2.{number % MEMORY_CALLERS}")
    keys: Any = client.keys("*")
    used = client.info("memory")["used_memory"] - before
    held = sum(int(client.memory_usage(key) or 0) for key in keys)
    return {"keys": len(keys), "per_key": held / len(keys), "used": used}


async def commands(limiter: Contestant, client: redis.Redis) -> dict[str, float]:
    """Counts round trips and commands of a decision; those that scripts call are commands, too."""
    await limiter.decide("192.0.2.1")
    client.config_resetstat()
    for _ in range(100):
        await limiter.decide("192.0.2.1")
    stats = client.info("commandstats")
    own = {"cmdstat_info", "cmdstat_config|resetstat", "cmdstat_config"}
    calls = {name: each["calls"] for name, each in stats.items() if name not in own}
    trips = sum(each for name, each in calls.items() if name in {"cmdstat_evalsha", "cmdstat_eval"})
    return {"trips": trips / 100, "commands": sum(calls.values()) / 100}


async def ping(_: Contestant, client: redis.Redis) -> dict[str, float]:
    """Measures the CPU time of a PING by redis-py: a round trip that decides nothing."""
    address = client.get_connection_kwargs()
    async with redis.asyncio.Redis(host=address["host"], port=address["port"]) as bare:
        for _number in range(200):
            await bare.ping()
        cpu = time.process_time()
        for _number in range(DECISIONS // 4):
            await bare.ping()
        return {"cpu": (time.process_time() - cpu) / (DECISIONS // 4)}


TASKS: Final[dict[str, Task]] = {
    "speed": speed,
    "alone": alone,
    "edge": edge,
    "memory": memory,
    "commands": commands,
    "ping": ping,
}


async def main(name: str, url: str, task: str) -> dict[str, float]:
    """Returns the task's figures."""
    given = Limits(EDGE_LIMIT, EDGE_LIMIT + 1, EDGE_LIMIT + 2, 1) if task == "edge" else Limits()
    with redis.Redis.from_url(url) as client:
        client.flushall()
        limiter = CONTESTANTS[name](url, given)
        try:
            return await TASKS[task](limiter, client)
        finally:
            await limiter.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:4]))))
