from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.errors import RefreshReused, TokenRevoked
from app.core.security import Principal, RefreshClaims, Role
from app.infra.redis import RedisClient
from app.infra.sessions import Sessions

FIRST = RefreshClaims(user_id="usr_1", family="fam_1", token_id="ref_1")
SECOND = RefreshClaims(user_id="usr_1", family="fam_1", token_id="ref_2")


@pytest.fixture
async def redis(empty_redis_url: str) -> AsyncIterator[RedisClient]:
    client = RedisClient(empty_redis_url, seconds=10)
    yield client
    await client.close()


@pytest.fixture
def sessions(redis: RedisClient) -> Sessions:
    return Sessions(redis, access_ttl=timedelta(minutes=10), refresh_ttl=timedelta(days=14), most=3)


@pytest.fixture
def principal() -> Principal:
    return Principal(id="usr_1", role=Role.STUDENT, role_version=4, family="fam_1")


async def test_each_token_is_exchanged_for_the_next(sessions: Sessions) -> None:
    await sessions.start("usr_1", "fam_1", "ref_1")
    await sessions.rotate(FIRST, "ref_2")
    await sessions.rotate(SECOND, "ref_3")


async def test_a_second_use_ends_the_session_for_both(sessions: Sessions, principal: Principal) -> None:
    await sessions.start("usr_1", "fam_1", "ref_1")
    await sessions.rotate(FIRST, "ref_2")
    with pytest.raises(RefreshReused):
        await sessions.rotate(FIRST, "ref_x")
    with pytest.raises(TokenRevoked):
        await sessions.rotate(SECOND, "ref_3")
    with pytest.raises(TokenRevoked):
        await sessions.check(principal)


async def test_of_parallel_uses_one_wins(sessions: Sessions) -> None:
    await sessions.start("usr_1", "fam_1", "ref_1")
    uses = (sessions.rotate(FIRST, f"ref_{number}") for number in range(2, 12))
    outcomes = await asyncio.gather(*uses, return_exceptions=True)
    assert outcomes.count(None) == 1


async def test_an_ended_session_is_refused(sessions: Sessions, principal: Principal) -> None:
    await sessions.start("usr_1", "fam_1", "ref_1")
    await sessions.check(principal)
    await sessions.end("usr_1", "fam_1")
    with pytest.raises(TokenRevoked):
        await sessions.check(principal)
    with pytest.raises(TokenRevoked):
        await sessions.rotate(FIRST, "ref_2")


async def test_only_tokens_of_older_roles_end(sessions: Sessions, principal: Principal) -> None:
    await sessions.revoke_roles("usr_1", below=4)
    await sessions.check(principal)
    await sessions.revoke_roles("usr_1", below=5)
    with pytest.raises(TokenRevoked):
        await sessions.check(principal)


async def test_a_late_revocation_undoes_no_newer_one(sessions: Sessions, principal: Principal) -> None:
    await sessions.revoke_roles("usr_1", below=12)
    await sessions.revoke_roles("usr_1", below=3)
    for version in (4, 11):
        with pytest.raises(TokenRevoked):
            await sessions.check(replace(principal, role_version=version))
    await sessions.check(replace(principal, role_version=12))


async def test_a_session_lives_as_long_as_its_refresh_token(sessions: Sessions, redis: RedisClient) -> None:
    await sessions.start("usr_1", "fam_1", "ref_1")
    left = await redis._redis.pttl("lms:session:fam_1")
    assert timedelta(days=13) < timedelta(milliseconds=left) <= timedelta(days=14)


async def test_one_session_too_many_ends_the_least_recently_used(
    sessions: Sessions, principal: Principal, redis: RedisClient
) -> None:
    for number in (1, 2, 3):
        assert await sessions.start("usr_1", f"fam_{number}", "ref_1") == 0
    await sessions.rotate(FIRST, "ref_2")
    assert await sessions.start("usr_1", "fam_4", "ref_1") == 1
    with pytest.raises(TokenRevoked):
        await sessions.check(replace(principal, family="fam_2"))
    with pytest.raises(TokenRevoked):
        await sessions.rotate(replace(FIRST, family="fam_2"), "ref_2")
    for family in ("fam_1", "fam_3", "fam_4"):
        await sessions.check(replace(principal, family=family))
    await sessions.rotate(SECOND, "ref_3")
    assert await redis._redis.exists("lms:session:fam_2") == 0


async def test_an_ended_session_makes_room(sessions: Sessions, principal: Principal) -> None:
    for number in (1, 2, 3):
        await sessions.start("usr_1", f"fam_{number}", "ref_1")
    await sessions.end("usr_1", "fam_2")
    with pytest.raises(RefreshReused):
        await sessions.rotate(SECOND, "ref_3")
    assert await sessions.start("usr_1", "fam_4", "ref_1") == 0
    assert await sessions.start("usr_1", "fam_5", "ref_1") == 0
    await sessions.check(replace(principal, family="fam_3"))


async def test_people_do_not_end_each_others_sessions(sessions: Sessions, principal: Principal) -> None:
    await sessions.start("usr_1", "fam_1", "ref_1")
    for number in range(10):
        await sessions.start("usr_2", f"fam_of_2_{number}", "ref_1")
    await sessions.check(principal)


async def test_of_many_sessions_at_once_the_limit_remains(sessions: Sessions, redis: RedisClient) -> None:
    await asyncio.gather(*(sessions.start("usr_1", f"fam_{number}", "ref_1") for number in range(50)))
    assert len([key async for key in redis._redis.scan_iter("lms:session:*")]) == 3
    assert await redis._redis.zcard("lms:sessions:usr_1") == 3
