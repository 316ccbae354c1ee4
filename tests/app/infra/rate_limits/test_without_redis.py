"""Redis stopped, frozen, full, read-only, or replaced: what is admitted, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis

from otel.testing import Captured
from tests.app.infra.rate_limits.crowds import attempts, back, count, several
from tests.app.infra.rate_limits.limiters import asked, limiting, rule
from tests.backends import RedisServer
from tests.programs import free_port

CLIENTS = 64


async def test_none_of_ten_thousand_is_admitted_above_the_limit(own_redis: RedisServer) -> None:
    """Redis is killed in the middle of the crowd, and comes back having forgotten everything."""
    limit, decisions = 6_000, []
    async with limiting(own_redis.url, rule("one", "ip", (limit, "1h"))) as limiter:
        decisions += await attempts(2_000, limiter)
        crowd = asyncio.create_task(attempts(3_000, limiter))
        while not crowd.done() and limiter.state().last_error is None:
            own_redis.kill()
            await asyncio.sleep(0)
        decisions += await crowd
        assert limiter.state().backend == "local"
        decisions += await attempts(1_000, limiter)
        crowd = asyncio.create_task(attempts(2_000, limiter))
        own_redis.start()
        await asyncio.gather(crowd, back(limiter))
        decisions += crowd.result()
        decisions += await attempts(2_000, limiter)
    assert len(decisions) == 10_000
    assert {each.backend for each in decisions} == {"redis", "local"}
    assert count(decisions) == limit


@pytest.mark.parametrize("instances", [2, 3])
async def test_instances_that_share_the_load_never_exceed_the_limit_together(
    own_redis: RedisServer, instances: int
) -> None:
    one = rule("one", "ip", (600, "1h"))
    async with several(own_redis.url, instances, one) as limiters:
        decisions = await attempts(300, *limiters)
        own_redis.kill()
        decisions += await attempts(900, *limiters)
        own_redis.start()
        await asyncio.gather(*(back(each) for each in limiters))
        decisions += await attempts(900, *limiters)
    assert count(decisions) == 600


async def test_the_most_that_an_outage_can_add_is_the_other_instances_shares(own_redis: RedisServer) -> None:
    """All came to one instance, and when Redis is lost, to the others: they cannot know."""
    one = rule("one", "ip", (600, "1h"))
    async with several(own_redis.url, 3, one) as (first, *others):
        admitted = count(await attempts(700, first))
        assert admitted == 600
        own_redis.kill()
        assert count(await attempts(300, first)) == 0
        more = [count(await attempts(300, each)) for each in others]
        own_redis.start()
        await asyncio.gather(*(back(each) for each in others))
        again = [count(await attempts(300, each)) for each in others]
    assert (more, again) == ([200, 200], [0, 0])


async def test_a_redis_that_hangs_costs_three_requests_a_wait(
    own_redis: RedisServer, telemetry: Captured
) -> None:
    async with limiting(own_redis.url, rule("one", "ip", (50, "1h"))) as patient:
        await patient.decide(asked())
    async with limiting(own_redis.url, rule("one", "ip", (50, "1h")), seconds=0.05) as limiter:
        own_redis.freeze()
        try:
            decisions = [await limiter.decide(asked()) for _ in range(100)]
        finally:
            own_redis.thaw()
        assert count(decisions) == 50
        assert {each.backend for each in decisions} == {"local"}
        failed = telemetry.value("lms.rate_limit.backend.duration", {"lms.rate_limit.outcome": "failed"})
        assert 3 <= failed < 10  # on a slow machine there are probes among them
        await back(limiter)
        assert not (await limiter.decide(asked())).allowed
        lines = [
            log.attributes["backend"] for log in telemetry.logs if log.body == "rate_limit_backend_changed"
        ]
        assert lines == ["local", "redis"]


def read_only(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", free_port())


def forbidden(client: redis.Redis) -> None:
    client.acl_setuser("default", enabled=True, nopass=True, categories=["+@all"], commands=["-zadd"])


def healthy(client: redis.Redis) -> None:
    client.replicaof("NO", "ONE")
    client.acl_setuser("default", enabled=True, nopass=True, categories=["+@all"])


@pytest.mark.parametrize(("fault", "reason"), [(read_only, "READONLY"), (forbidden, "ResponseError")])
async def test_a_redis_that_refuses_writes_is_not_asked(
    own_redis: RedisServer, fault: Callable[[Any], None], reason: str
) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        async with limiting(own_redis.url, rule("one", "ip", (5, "1h"))) as limiter:
            decisions = await attempts(2, limiter)
            fault(client)
            decisions += [await limiter.decide(asked()) for _ in range(20)]
            assert limiter.state().breaker == "open"
            assert reason in str(limiter.state().last_error)
            healthy(client)
            await back(limiter)
            decisions += await attempts(20, limiter)
    assert count(decisions) == 5


async def test_a_full_redis_still_decides(own_redis: RedisServer) -> None:
    """It refuses commands that need memory, but not those of a script that has begun to write."""
    with redis.Redis.from_url(own_redis.url) as client:
        async with limiting(own_redis.url, rule("one", "ip", (5, "1h"))) as limiter:
            client.config_set("maxmemory", 1)
            with pytest.raises(redis.OutOfMemoryError):
                client.set("anything", 1)
            for lose in (client.ping, client.script_flush, client.flushall):
                lose()
                for _ in range(4):
                    await limiter.report()
                await limiter.clear("ip", "192.0.2.9")
            decisions = [await limiter.decide(asked()) for _ in range(20)]
            assert limiter.state().last_error is None
    assert count(decisions) == 5
    assert {each.backend for each in decisions} == {"redis"}


async def test_a_rule_may_refuse_instead(own_redis: RedisServer, telemetry: Captured) -> None:
    rules = (
        rule("strict", "ip", (5, "1h"), when_redis_is_away="refuse", route="/things"),
        rule("lenient", "ip", (5, "1m")),
    )
    async with limiting(own_redis.url, *rules) as limiter:
        assert (await limiter.decide(asked())).allowed
        own_redis.stop()
        refused = await limiter.decide(asked())
        other = await limiter.decide(asked(route="/things/{id}"))
    assert (refused.allowed, refused.violated, refused.backend) == (False, ("strict",), "local")
    assert refused.retry_after is not None
    assert 1 <= refused.retry_after <= 3
    assert other.allowed
    for name, backend, outcome, times in (
        ("strict", "redis", "allowed", 1),
        ("strict", "local", "refused", 1),
        ("lenient", "local", "allowed", 2),
    ):
        labels = {
            "lms.rate_limit.rule": name,
            "lms.rate_limit.backend": backend,
            "lms.rate_limit.outcome": outcome,
        }
        assert telemetry.value("lms.rate_limit.decisions", labels) == times


async def test_a_share_is_at_least_one_request(own_redis: RedisServer) -> None:
    own_redis.stop()
    async with limiting(own_redis.url, rule("one", "ip", (3, "1h")), instances=10) as limiter:
        decisions = await attempts(10, limiter)
    assert count(decisions) == 1


async def test_instances_are_counted_while_redis_lives(own_redis: RedisServer) -> None:
    async with several(own_redis.url, 3, rule("one", "ip", (30, "1h")), least=1) as limiters:
        for each in limiters:
            await each.report()
        assert [each.state().instances for each in limiters] == [1, 2, 3]
        await limiters[0].report()
        own_redis.stop()
        assert count(await attempts(100, limiters[0])) == 10


async def test_without_redis_a_key_shows_this_process(own_redis: RedisServer) -> None:
    own_redis.stop()
    async with limiting(own_redis.url, rule("one", "ip", (3, "1h"))) as limiter:
        await limiter.decide(asked())
        (state,) = await limiter.look("ip", "192.0.2.1")
        assert (state.backend, state.states[0].remaining) == ("local", 2)
