"""Sessions in Redis: one key per session, a list per user, and marks for what was revoked.

Without Redis, access tokens stay valid until they expire (fail open, bounded by their short lifetime,
counted); starting, extending or ending a session is not acknowledged (fail closed).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, cast

from app.core.errors import RefreshReused, SessionsUnavailable, TokenRevoked
from app.core.security import Principal, RefreshClaims
from app.core.telemetry import REVOCATION_CHECKS, TOKEN_REFRESHES
from app.infra.redis import RedisClient, RedisUnavailable


class Sessions:
    """Starts, extends and ends sessions ("families" of refresh tokens, one of which is current).

    ``access_ttl`` is how long a revocation must be remembered, ``refresh_ttl`` how long an unused
    session lives. A user has at most ``most`` sessions: one more ends the least recently used one, so that a
    person can always sign in, and nobody's script fills Redis.
    """

    def __init__(
        self, redis: RedisClient, *, access_ttl: timedelta, refresh_ttl: timedelta, most: int
    ) -> None:
        self._redis = redis
        self._access_ttl = access_ttl
        self._refresh_ttl = refresh_ttl
        self._most = most
        self._start = redis.script("start_session.lua")
        self._rotate = redis.script("rotate_refresh.lua")
        self._raise_mark = redis.script("raise_mark.lua")

    async def start(self, user_id: str, family: str, token_id: str) -> int:
        """Starts the session ``family`` with its first refresh token; returns how many others it ended.

        Raises:
            SessionsUnavailable: Redis does not answer.
        """
        keys = (_sessions_of(user_id), _session(family), _session(""), _revoked_session(""))
        lives = (_milliseconds(self._refresh_ttl), _milliseconds(self._access_ttl))
        try:
            return cast("int", await self._start(*keys, args=(family, token_id, *lives, self._most)))
        except RedisUnavailable as error:
            raise SessionsUnavailable from error

    async def rotate(self, presented: RefreshClaims, next_token_id: str) -> None:
        """Makes ``next_token_id`` the session's current token, if ``presented`` still is.

        Raises:
            RefreshReused: It was exchanged before; the session has been ended.
            TokenRevoked: The session has ended.
            SessionsUnavailable: Redis does not answer; the presented token stays valid.
        """
        try:
            outcome = await self._exchange(presented, next_token_id)
        except RedisUnavailable as error:
            TOKEN_REFRESHES.add(1, {"outcome": "unavailable"})
            raise SessionsUnavailable from error
        TOKEN_REFRESHES.add(1, {"outcome": outcome})
        if outcome == "reused":
            raise RefreshReused
        if outcome == "ended":
            raise TokenRevoked

    async def _exchange(
        self, presented: RefreshClaims, next_token_id: str
    ) -> Literal["rotated", "reused", "ended"]:
        family, user_id = presented.family, presented.user_id
        keys = (_session(family), _revoked_session(family), _sessions_of(user_id))
        lives = (_milliseconds(self._refresh_ttl), _milliseconds(self._access_ttl))
        outcome = await self._rotate(*keys, args=(presented.token_id, next_token_id, *lives, family))
        return cast('Literal["rotated", "reused", "ended"]', outcome)

    async def end(self, user_id: str, family: str) -> None:
        """Ends a session: its refresh token and its access tokens become invalid.

        Raises:
            SessionsUnavailable: Redis does not answer; the session may still be active.
        """
        try:
            await self._redis.set(_revoked_session(family), "1", seconds=self._access_ttl.total_seconds())
            await self._redis.delete(_session(family))
            await self._redis.remove(_sessions_of(user_id), family)
        except RedisUnavailable as error:
            raise SessionsUnavailable from error

    async def revoke_roles(self, user_id: str, *, below: int) -> None:
        """Revokes the user's access tokens with a lower ``role_version``, even those signed later.

        Raises:
            SessionsUnavailable: Redis does not answer.
        """
        try:
            await self._raise_mark(_oldest_role(user_id), args=(below, _milliseconds(self._access_ttl)))
        except RedisUnavailable as error:
            raise SessionsUnavailable from error

    async def check(self, principal: Principal) -> None:
        """Returns if the principal's token was not revoked, or if Redis is down.

        Raises:
            TokenRevoked: It was.
        """
        try:
            marks = await self._redis.get_many(_revoked_session(principal.family), _oldest_role(principal.id))
        except RedisUnavailable:
            REVOCATION_CHECKS.add(1, {"outcome": "unavailable"})
            return
        session_mark, oldest_role = marks
        if session_mark is not None or principal.role_version < int(oldest_role or 0):
            REVOCATION_CHECKS.add(1, {"outcome": "revoked"})
            raise TokenRevoked
        REVOCATION_CHECKS.add(1, {"outcome": "valid"})


def _session(family: str) -> str:
    return f"session:{family}"


def _sessions_of(user_id: str) -> str:
    return f"sessions:{user_id}"


def _revoked_session(family: str) -> str:
    return f"revoked:session:{family}"


def _oldest_role(user_id: str) -> str:
    return f"revoked:role:{user_id}"


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
