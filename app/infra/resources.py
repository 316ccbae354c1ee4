"""The connections of a serving process: one stack, opened in order, closed in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from app.core.clock import Clock
from app.core.settings import Settings
from app.core.telemetry import ACTIVE_USERS
from app.infra.active_users import ActiveUsers
from app.infra.audit import AuditLog
from app.infra.log_levels import LogLevels
from app.infra.mongo import Database
from app.infra.periodic import repeating
from app.infra.rate_limits import RateLimiter, RulesSource, limiting
from app.infra.redis import RedisClient, RedisUnavailable
from app.infra.sessions import Sessions
from app.infra.stores import Stores, open_stores

REPORT_SECONDS: Final = 5.0
EXPIRY_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Resources:
    """The open connections."""

    database: Database
    redis: RedisClient
    sessions: Sessions
    active_users: ActiveUsers
    log_levels: LogLevels
    stores: Stores
    audit: AuditLog
    rate_limiter: RateLimiter


@asynccontextmanager
async def open_resources(settings: Settings, clock: Clock, limits: RulesSource) -> AsyncIterator[Resources]:
    """Opens the connections and closes them on exit. Waits for the database; Redis may be down.

    ``limits`` are the rules of the rate limiter.

    Raises:
        DatabaseUnavailable: The database does not answer within ``settings.startup_seconds``.
    """
    async with AsyncExitStack() as stack:
        database = Database(settings.mongodb_url, seconds=settings.database_seconds)
        stack.callback(database.close)
        redis = RedisClient(settings.redis_url, seconds=settings.redis_seconds)
        stack.push_async_callback(redis.close)
        await database.wait(settings.startup_seconds)
        ttls = {"access_ttl": settings.jwt_access_ttl, "refresh_ttl": settings.jwt_refresh_ttl}
        sessions = Sessions(redis, **ttls, most=settings.sessions_per_user)
        active_users, log_levels = ActiveUsers(redis, clock), LogLevels(redis, clock)
        with suppress(RedisUnavailable):  # the first call of each script then loads it
            await redis.load_scripts()
        stack.callback(ACTIVE_USERS.observe(active_users.observe))
        await stack.enter_async_context(repeating(REPORT_SECONDS, active_users.report, log_levels.follow))
        stores = open_stores(settings, stack)
        audit = AuditLog(database, clock, days=settings.audit_days)
        await stack.enter_async_context(repeating(EXPIRY_SECONDS, audit.expire))
        limiter = await stack.enter_async_context(limiting(settings, limits))
        yield Resources(database, redis, sessions, active_users, log_levels, stores, audit, limiter)
