from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.infra.active_users import ActiveUsers
from app.infra.redis import RedisClient
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api
from tests.backends import RedisServer

WINDOW = "window"


@pytest.fixture
async def redis(empty_redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(empty_redis_url, seconds=10)
    yield client
    await client.close()


def counts(users: ActiveUsers) -> dict[str, float]:
    return {str((each.attributes or {})[WINDOW]): each.value for each in users.observe()}


async def test_everyone_is_counted_once_by_window(redis: RedisClient, clock: FixedClock) -> None:
    one_process, another = ActiveUsers(redis, clock), ActiveUsers(redis, clock)
    for user in ("usr_1", "usr_2", "usr_1"):
        one_process.seen(user)
    another.seen("usr_2")
    another.seen("usr_3")
    assert counts(one_process) == {}
    await one_process.report()
    await another.report()
    assert counts(another) == {"5m": 3, "1h": 3, "24h": 3}

    clock.advance(timedelta(minutes=6))
    another.seen("usr_2")
    await another.report()
    assert counts(another) == {"5m": 1, "1h": 3, "24h": 3}
    clock.advance(timedelta(hours=24, minutes=1))
    await another.report()
    assert counts(another) == {"5m": 0, "1h": 0, "24h": 0}


async def test_while_redis_is_down_nobody_is_forgotten_and_nothing_is_reported(
    tmp_path: Path, clock: FixedClock
) -> None:
    server = RedisServer(tmp_path)
    redis = RedisClient(server.url, seconds=10)
    users = ActiveUsers(redis, clock)
    users.seen("usr_1")
    await users.report()
    server.stop()
    users.seen("usr_2")
    await users.report()
    assert counts(users) == {}
    server.start()
    await users.report()
    assert counts(users) == {"5m": 1, "1h": 1, "24h": 1}
    await redis.close()
    server.stop()


async def test_memory_is_bounded_while_redis_is_down(redis: RedisClient, clock: FixedClock) -> None:
    users = ActiveUsers(redis, clock)
    for number in range(20_000):
        users.seen(f"usr_{number}")
    for _ in range(11):
        await users.report()
    assert counts(users)["24h"] == 10_000


async def test_a_signed_in_request_makes_a_user_active(api: Api, telemetry: Captured) -> None:
    student = await api.student()
    await student.get("/users/me")
    users = api.app.state.authenticator._active_users
    await users.report()
    assert telemetry.value("lms.users.active", {WINDOW: "5m"}) == 1
