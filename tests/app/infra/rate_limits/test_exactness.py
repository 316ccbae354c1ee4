"""Windows slide exactly, however many ask at once and from wherever."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import count

import redis

from app.infra.rate_limits import RateLimiter
from tests.app.infra.rate_limits.limiters import asked, limiting, rule

CLIENTS = 64
# It records when every request was admitted: with the time of the same run of the script.
RECORD = rule("record", "global", (100_000, "1d"), shadow=True)


def admissions(url: str) -> list[int]:
    """Returns Redis' time of every admission, in microseconds."""
    with redis.Redis.from_url(url) as client:
        (key,) = client.keys("{lms:limits}:record:*")
        return [int(score) for _, score in client.zrange(key, 0, -1, withscores=True)]


async def test_no_span_of_a_window_has_more_than_its_limit(empty_redis_url: str) -> None:
    """64 clients ask without a pause while the window's edge passes many times."""
    limit, window, wanted = 40, 1_000_000, 200

    async def ask_until_enough(limiter: RateLimiter) -> int:
        mine = 0
        while sum(admitted) < wanted:
            decision = await limiter.decide(asked())
            admitted.append(int(decision.allowed))
            mine += decision.allowed
        return mine

    admitted: list[int] = []
    async with limiting(empty_redis_url, rule("one", "ip", (limit, "1s")), RECORD) as limiter:
        told = sum(await asyncio.gather(*(ask_until_enough(limiter) for _ in range(CLIENTS))))
    times = admissions(empty_redis_url)
    assert len(times) == told >= wanted
    assert all(later - earlier >= window for earlier, later in zip(times, times[limit:], strict=False))
    assert len(admitted) > told


async def test_concurrent_requests_take_what_is_there_and_no_more(empty_redis_url: str) -> None:
    rules = rule("one", "ip", (50, "1h")), rule("all", "global", (70, "1h"))
    async with limiting(empty_redis_url, *rules) as limiter:
        decisions = await asyncio.gather(
            *(limiter.decide(asked(f"192.0.2.{number % 2}")) for number in range(400))
        )
    assert sum(each.allowed for each in decisions) == 70
    assert {each.backend for each in decisions} == {"redis"}


async def test_two_instances_share_a_limit(empty_redis_url: str) -> None:
    one = rule("one", "ip", (50, "1h"))
    async with limiting(empty_redis_url, one) as first, limiting(empty_redis_url, one) as second:
        decisions = await asyncio.gather(
            *(each.decide(asked()) for _ in range(100) for each in (first, second))
        )
    assert sum(each.allowed for each in decisions) == 50


def test_two_processes_share_a_limit(empty_redis_url: str) -> None:
    command = [sys.executable, "-m", "tests.app.infra.rate_limits.caller", empty_redis_url, "300"]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    admitted = [int(caller.communicate(timeout=120)[0]) for caller in callers]
    assert sum(admitted) == 100


async def test_one_decision_is_one_command(empty_redis_url: str) -> None:
    rules = [
        rule(f"rule-{number}", "ip", (100, "1m"), (1000, "1h"), method=method)
        for number, method in enumerate((None, "GET"))
    ]
    with redis.Redis.from_url(empty_redis_url) as client:
        async with limiting(empty_redis_url, *rules) as limiter:
            await limiter.decide(asked())  # connects, and loads the script
            before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
            sent = client.info("stats")["total_net_input_bytes"]
            for _ in range(10):
                await limiter.decide(asked())
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] - before == 10
        assert client.info("stats")["total_net_input_bytes"] - sent < 10 * 1000


async def test_a_lost_connection_is_replaced_without_a_second_count(empty_redis_url: str) -> None:
    async with limiting(empty_redis_url, rule("one", "ip", (10, "1h"))) as limiter:
        await limiter.decide(asked())
        with redis.Redis.from_url(empty_redis_url) as client:
            for number in count():
                client.client_kill_filter(_type="normal", skipme=True)
                if number == 2:
                    break
        decision = await limiter.decide(asked())
    assert (decision.backend, decision.states[0].remaining) == ("redis", 8)
