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
    return Sessions(redis, access_ttl=timedelta(minutes=10), refresh_ttl=timedelta(days=14))


@pytest.fixture
def principal() -> Principal:
    return Principal(id="usr_1", role=Role.STUDENT, role_version=4, family="fam_1")


async def test_each_token_is_exchanged_for_the_next(sessions: Sessions) -> None:
    await sessions.start("fam_1", "ref_1")
    await sessions.rotate(FIRST, "ref_2")
    await sessions.rotate(SECOND, "ref_3")


async def test_a_second_use_ends_the_session_for_both(sessions: Sessions, principal: Principal) -> None:
    await sessions.start("fam_1", "ref_1")
    await sessions.rotate(FIRST, "ref_2")
    with pytest.raises(RefreshReused):
        await sessions.rotate(FIRST, "ref_x")
    with pytest.raises(TokenRevoked):
        await sessions.rotate(SECOND, "ref_3")
    with pytest.raises(TokenRevoked):
        await sessions.check(principal)


async def test_of_parallel_uses_one_wins(sessions: Sessions) -> None:
    await sessions.start("fam_1", "ref_1")
    uses = (sessions.rotate(FIRST, f"ref_{number}") for number in range(2, 12))
    outcomes = await asyncio.gather(*uses, return_exceptions=True)
    assert outcomes.count(None) == 1


async def test_an_ended_session_is_refused(sessions: Sessions, principal: Principal) -> None:
    await sessions.start("fam_1", "ref_1")
    await sessions.check(principal)
    await sessions.end("fam_1")
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
    await sessions.start("fam_1", "ref_1")
    left = await redis._redis.pttl("lms:session:fam_1")
    assert timedelta(days=13) < timedelta(milliseconds=left) <= timedelta(days=14)
