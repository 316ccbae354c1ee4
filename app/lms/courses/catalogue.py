"""The published catalogue, read through the cache."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.clock import Clock
from app.core.identifiers import new_id
from app.core.telemetry import CATALOGUE_INVALIDATIONS, CATALOGUE_READS
from app.infra.redis import RedisClient, RedisUnavailable
from app.lms.courses.repository import CourseRepository
from app.lms.courses.schemas import CatalogueItem, CataloguePage
from otel import get_logger, traced

MOST_CACHED: Final = 1_000
"""Most courses that the cache holds, the first by identifier; a description has up to 20,000 characters."""

_GENERATION: Final = "catalogue:generation"
_GENERATION_LIFE: Final = timedelta(days=1)
_log = get_logger(service="courses")

_ReadItems = Callable[[Sequence[str]], Awaitable[list[CatalogueItem | None]]]


@dataclass(frozen=True, slots=True)
class _Listed:
    """The sorted identifiers of the catalogue, as this process read them in one of its generations.

    ``last_cached`` is the last one whose course may be cached.
    """

    ids: Sequence[str]
    last_cached: str
    generation: str
    until: datetime


class Catalogue:
    """Serves catalogue pages from Redis, or from the database while Redis is down (fails open).

    Redis holds each listed course once, whatever cursors and limits are requested, tagged with a generation
    that every change of the catalogue replaces: what was read before a change is not served after it. If
    replacing fails because Redis is down, old entries are served until ``ttl`` has passed.
    """

    def __init__(
        self,
        repository: CourseRepository,
        redis: RedisClient,
        ttl: timedelta,
        clock: Clock,
        most_cached: int = MOST_CACHED,
    ) -> None:
        self._repository = repository
        self._redis = redis
        self._ttl = ttl
        self._clock = clock
        self._most_cached = most_cached
        self._listed: _Listed | None = None

    @traced("courses.catalogue")
    async def page(self, after: str | None, limit: int) -> CataloguePage:
        """Returns the ``limit`` published courses that follow the identifier ``after``, by identifier."""
        try:
            return await self._cached(after, limit)
        except RedisUnavailable:
            CATALOGUE_READS.add(1, {"cache": "bypassed"})
            return await _page(await self._repository.listed(), after, limit, self._items)

    async def _cached(self, after: str | None, limit: int) -> CataloguePage:
        generation = await self._redis.get(_GENERATION) or ""
        listed = await self._list(generation)
        items = _CachedItems(self._redis, self._items, listed, self._ttl)
        page = await _page(listed.ids, after, limit, items.read)
        CATALOGUE_READS.add(1, {"cache": "hit" if items.all_found else "miss"})
        return page

    async def _list(self, generation: str) -> _Listed:
        """Returns the identifiers of this generation; the process keeps one list, which is small."""
        now, listed = self._clock.now(), self._listed
        if listed is None or listed.generation != generation or listed.until <= now:
            ids = await self._repository.listed()
            last = max(ids[: self._most_cached], default="")
            listed = self._listed = _Listed(ids, last, generation, now + self._ttl)
        return listed

    async def _items(self, ids: Sequence[str]) -> list[CatalogueItem | None]:
        courses = await self._repository.find_all(ids)
        return [CatalogueItem.of(each) if each and each.is_published else None for each in courses]

    async def invalidate(self) -> None:
        """Invalidates everything cached; never fails, because the change itself is already stored."""
        life = max(_GENERATION_LIFE, 2 * self._ttl)  # longer than that of entries cached without a generation
        try:
            await self._redis.set(_GENERATION, new_id("gen"), seconds=life.total_seconds())
        except RedisUnavailable:
            CATALOGUE_INVALIDATIONS.add(1, {"outcome": "failed"})
            _log.warning("catalogue_not_invalidated", stale_seconds=self._ttl.total_seconds())
            return
        CATALOGUE_INVALIDATIONS.add(1, {"outcome": "done"})


class _CachedItems:
    """The listed courses in Redis; missing ones are read with ``read_stored`` and stored there.

    A course has one key, so new entries replace those of earlier generations.
    """

    def __init__(self, redis: RedisClient, read_stored: _ReadItems, listed: _Listed, ttl: timedelta) -> None:
        self._redis = redis
        self._read_stored = read_stored
        self._listed = listed
        self._ttl = ttl
        self.all_found = True

    async def read(self, ids: Sequence[str]) -> list[CatalogueItem | None]:
        """Returns the items of listed courses; None for one that is not published."""
        values = await self._redis.get_many(*map(_key, ids))
        prefix = f"{self._listed.generation} "
        known = {
            each: _unpacked(value.removeprefix(prefix))
            for each, value in zip(ids, values, strict=True)
            if value is not None and value.startswith(prefix)
        }
        missing = [each for each in ids if each not in known]
        if missing:
            self.all_found = False
            known |= zip(missing, await self._read_stored(missing), strict=True)
            await self._keep({each: known[each] for each in missing})
        return [known[each] for each in ids]

    async def _keep(self, items: Mapping[str, CatalogueItem | None]) -> None:
        values = {
            _key(course_id): f"{self._listed.generation} {_packed(item)}"
            for course_id, item in items.items()
            if course_id <= self._listed.last_cached
        }
        with suppress(RedisUnavailable):  # the page is read; a full cache must not fail the request
            await self._redis.set_many(values, seconds=self._ttl.total_seconds())


async def _page(ids: Sequence[str], after: str | None, limit: int, read: _ReadItems) -> CataloguePage:
    """Reads listed courses after ``after``, until a page is full and it is known whether another follows."""
    place = 0 if after is None else bisect_right(ids, after)
    shown: list[CatalogueItem] = []
    while place < len(ids) and len(shown) <= limit:
        wanted = ids[place : place + limit + 1 - len(shown)]
        shown += (item for item in await read(wanted) if item is not None)
        place += len(wanted)
    items = shown[:limit]
    return CataloguePage(items=items, last_id=items[-1].id if len(shown) > limit else None)


def _packed(item: CatalogueItem | None) -> str:
    return "" if item is None else item.model_dump_json()


def _unpacked(text: str) -> CatalogueItem | None:
    return CatalogueItem.model_validate_json(text) if text else None


def _key(course_id: str) -> str:
    return f"catalogue:course:{course_id}"
