"""Data that Redis loses, or is made to forget: every instance notices."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from tests.app.infra.rate_limits.crowds import attempts, back, count, several
from tests.app.infra.rate_limits.limiters import asked, limiting, rule
from tests.backends import RedisServer


def emptied(_: RedisServer, client: redis.Redis) -> None:
    client.flushall()


def restarted(server: RedisServer, _: object = None) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("lose", [restarted, emptied])
async def test_every_instance_notices_that_redis_lost_its_data(
    own_redis: RedisServer,
    lose: Callable[[RedisServer, redis.Redis], None],
    snapshot: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Also those that ask only after another one has loaded the script again."""
    with redis.Redis.from_url(own_redis.url) as client:
        async with several(own_redis.url, 2, rule("one", "ip", (20, "1h"))) as limiters:
            decisions = [await each.decide(asked(address="192.0.2.9")) for each in limiters]
            if snapshot:
                client.save()
            decisions = [await limiters[turn % 2].decide(asked()) for turn in range(20)]
            assert count(decisions) == 20
            lose(own_redis, client)
            await limiters[0].decide(asked(address="192.0.2.9"))
            decisions += await attempts(80, *limiters)
    assert count(decisions) == 20


@pytest.mark.parametrize("before", [10, 20])
async def test_requests_in_flight_are_not_admitted_by_a_redis_that_has_forgotten(
    own_redis: RedisServer, before: int
) -> None:
    async with limiting(own_redis.url, rule("one", "ip", (20, "1h"))) as limiter:
        decisions = await attempts(before, limiter)
        restarted(own_redis)
        decisions += await attempts(64, limiter)
    assert count(decisions) == 20


async def test_a_lost_script_alone_is_no_lost_data(own_redis: RedisServer) -> None:
    """Else an instance that was just deployed would make all others enforce their shares."""
    with redis.Redis.from_url(own_redis.url) as client:
        async with several(own_redis.url, 2, rule("one", "ip", (20, "1h"))) as (first, second):
            decisions = [await each.decide(asked()) for each in (first, second)]
            client.script_flush()
            decisions += await attempts(40, first)
    assert count(decisions) == 20
    assert {each.backend for each in decisions} == {"redis"}


async def test_every_instance_forgets_a_caller_who_was_cleared(own_redis: RedisServer) -> None:
    """Else it would go on refusing from memory, for up to a window after an outage."""
    async with several(own_redis.url, 2, rule("one", "ip", (20, "1h"))) as limiters:
        for each in limiters:
            await each.report()
        own_redis.kill()
        assert count(await attempts(64, *limiters)) == 20
        own_redis.start()
        for each in limiters:
            await back(each)
            assert not (await each.decide(asked())).allowed
        assert await limiters[0].clear("ip", "192.0.2.1") == 1
        for each in limiters:
            await each.report()
        assert count(await attempts(64, *limiters)) == 20
        await limiters[1].report()  # what was cleared before the last report is not cleared again
        own_redis.kill()
        assert count(await attempts(64, *limiters)) == 0
