"""The published catalogue, read through the cache."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from app.core.telemetry import CATALOGUE_INVALIDATIONS, CATALOGUE_READS
from app.infra.redis import RedisClient, RedisUnavailable
from app.lms.courses.repository import CourseRepository
from app.lms.courses.schemas import CatalogueItem, CataloguePage
from otel import get_logger, traced

_GENERATION: Final = "catalogue:generation"
_log = get_logger(service="courses")


class Catalogue:
    """Serves catalogue pages from Redis, and from the database while Redis is away (it fails open).

    Pages are kept under a generation, which every change of the catalogue raises: a page read before a change
    is not served after it. If raising fails because Redis is away, old pages live until ``ttl`` is over.
    """

    def __init__(self, repository: CourseRepository, redis: RedisClient, ttl: timedelta) -> None:
        self._repository = repository
        self._redis = redis
        self._ttl = ttl

    @traced("courses.catalogue")
    async def page(self, after: str | None, limit: int) -> CataloguePage:
        """Returns the ``limit`` published courses that follow the identifier ``after``, by identifier."""
        try:
            return await self._cached(after, limit)
        except RedisUnavailable:
            CATALOGUE_READS.add(1, {"cache": "bypassed"})
            return await self._read(after, limit)

    async def _cached(self, after: str | None, limit: int) -> CataloguePage:
        generation = await self._redis.get(_GENERATION)
        key = f"catalogue:{generation or 0}:{limit}:{after or ''}"
        found = await self._redis.get(key)
        if found is not None:
            CATALOGUE_READS.add(1, {"cache": "hit"})
            return CataloguePage.model_validate_json(found)
        page = await self._read(after, limit)
        await self._redis.set(key, page.model_dump_json(), seconds=self._ttl.total_seconds())
        CATALOGUE_READS.add(1, {"cache": "miss"})
        return page

    async def _read(self, after: str | None, limit: int) -> CataloguePage:
        courses = await self._repository.published(after, limit + 1)
        items = [CatalogueItem.of(course) for course in courses[:limit]]
        return CataloguePage(items=items, last_id=items[-1].id if len(courses) > limit else None)

    async def invalidate(self) -> None:
        """Makes every cached page old; never fails, the change itself has been stored."""
        try:
            await self._redis.increment(_GENERATION)
        except RedisUnavailable:
            CATALOGUE_INVALIDATIONS.add(1, {"outcome": "failed"})
            _log.warning("catalogue_not_invalidated", stale_seconds=self._ttl.total_seconds())
            return
        CATALOGUE_INVALIDATIONS.add(1, {"outcome": "done"})
