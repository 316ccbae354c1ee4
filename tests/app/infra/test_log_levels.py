from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

import otel
from app.infra.log_levels import LogLevels
from app.infra.redis import RedisClient
from tests.app.fixed_clock import FixedClock
from tests.backends import RedisServer

LOGGER = "tests.levels.shared"


@pytest.fixture
async def redis(empty_redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(empty_redis_url, seconds=10)
    yield client
    await client.close()


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    otel.reset_level(LOGGER)


def changed_here() -> dict[str, str]:
    return {each.logger: each.level for each in otel.level_overrides() if each.logger == LOGGER}


async def test_a_change_reaches_another_process_and_so_does_its_end(
    redis: RedisClient, clock: FixedClock
) -> None:
    one, other = LogLevels(redis, clock), LogLevels(redis, clock)
    assert await one.set(LOGGER, "debug", 600)
    otel.reset_level(LOGGER)  # the other process has not followed yet
    await other.follow()
    assert changed_here() == {LOGGER: "debug"}
    await one.set(LOGGER, "error", 600)
    await other.follow()
    assert changed_here() == {LOGGER: "error"}

    assert await one.reset(LOGGER)
    otel.set_level(LOGGER, "error", 600)  # the other process still has it
    await other.follow()
    assert changed_here() == {}
    assert not await one.reset(LOGGER)


async def test_an_expired_change_is_not_followed(redis: RedisClient, clock: FixedClock) -> None:
    await LogLevels(redis, clock).set(LOGGER, "debug", 60)
    otel.reset_level(LOGGER)
    clock.advance(timedelta(seconds=60))
    await LogLevels(redis, clock).follow()
    assert changed_here() == {}


async def test_without_redis_a_change_applies_here_until_it_expires(
    own_redis: RedisServer, clock: FixedClock
) -> None:
    redis = RedisClient(own_redis.url, seconds=10)
    levels = LogLevels(redis, clock)
    own_redis.stop()
    assert not await levels.set(LOGGER, "debug", 600)
    await levels.follow()
    own_redis.start()
    await levels.follow()
    assert changed_here() == {LOGGER: "debug"}
    assert await levels.reset(LOGGER)
    await redis.close()
