"""What the performance page shows: requests by route, queries, the event loop and pools, from one source."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from app.monitoring.figures import Figures, quantile
from otel import Buckets

DURATION: Final = "http_server_request_duration_seconds"
LAG: Final = "asyncio_event_loop_lag_seconds"
POOL_SIZE: Final = "db_client_connection_count"
POOL_LIMIT: Final = "db_client_connection_max"
POOL_WAIT: Final = "db_client_connection_wait_time_seconds"
POOL_TIMEOUTS: Final = "db_client_connection_timeouts_total"
REPEATED: Final = "db_client_repeated_queries"
PERFORMANCE_METRICS: Final = (DURATION, LAG, POOL_SIZE, POOL_LIMIT, POOL_WAIT, POOL_TIMEOUTS, REPEATED)

_METHOD: Final = "http_request_method"
_ROUTE: Final = "http_route"
_STATUS: Final = "http_response_status_code"
_POOL: Final = "db_client_connection_pool_name"
_STATE: Final = "db_client_connection_state"
_OPERATION: Final = "db_operation_name"
_COLLECTION: Final = "db_collection_name"
_SERVER_ERROR: Final = "5"

RouteKey = tuple[str, str]
"""Method and route template."""


@dataclass(frozen=True, slots=True)
class RouteFigures:
    """One route in a period: number of requests, those that failed (5xx), and the durations in seconds."""

    requests: float
    errors: float
    durations: Buckets

    @property
    def error_ratio(self) -> float | None:
        """Share of requests that failed; None without any."""
        return self.errors / self.requests if self.requests > 0 else None

    def seconds(self, share: float) -> float | None:
        """Returns a quantile of the durations."""
        return quantile(self.durations, share)


@dataclass(frozen=True, slots=True)
class Pool:
    """A connection pool: open connections, those in use, the limit, and the waits in the period."""

    used: float
    idle: float
    limit: float | None
    timeouts: float
    waits: Buckets | None

    @property
    def use(self) -> float | None:
        """Share of the limit that is in use."""
        return self.used / self.limit if self.limit else None


@dataclass(frozen=True, slots=True)
class Repetition:
    """Queries repeated within one request: in how many requests, and how many queries they were in all."""

    route: str
    operation: str
    collection: str
    requests: float
    queries: float


async def routes_of(figures: Figures, route: str | None) -> dict[RouteKey, RouteFigures]:
    """Returns the requests by method and route; of one ``route`` alone if it is given.

    Raises:
        StoreUnavailable: The source does not answer.
    """
    where = {} if route is None else {_ROUTE: route}
    durations, counts = await asyncio.gather(
        figures.histograms(DURATION, (_METHOD, _ROUTE), where),
        figures.increases(f"{DURATION}_count", (_METHOD, _ROUTE, _STATUS), where),
    )
    requests: dict[RouteKey, float] = defaultdict(float)
    errors: dict[RouteKey, float] = defaultdict(float)
    for (method, template, status), count in counts.items():
        requests[method, template] += count
        errors[method, template] += count if status.startswith(_SERVER_ERROR) else 0
    return {
        (method, template): RouteFigures(requests[method, template], errors[method, template], found)
        for (method, template), found in durations.items()
        if requests[method, template] > 0
    }


async def pools_of(figures: Figures) -> dict[str, Pool]:
    """Returns the connection pools by name.

    Raises:
        StoreUnavailable: The source does not answer.
    """
    sizes, limits, timeouts, waits = await asyncio.gather(
        figures.levels(POOL_SIZE, (_POOL, _STATE)),
        figures.levels(POOL_LIMIT, (_POOL,)),
        figures.increases(POOL_TIMEOUTS, (_POOL,)),
        figures.histograms(POOL_WAIT, (_POOL,)),
    )
    return {
        name: Pool(
            used=sizes.get((name, "used"), 0),
            idle=sizes.get((name, "idle"), 0),
            limit=limits.get((name,)),
            timeouts=timeouts.get((name,), 0),
            waits=waits.get((name,)),
        )
        for name in sorted({name for name, _ in sizes})
    }


async def repetitions_of(figures: Figures, route: str | None) -> list[Repetition]:
    """Returns the queries that requests repeated, the most queries first.

    Raises:
        StoreUnavailable: The source does not answer.
    """
    labels = (_ROUTE, _OPERATION, _COLLECTION)
    where = {} if route is None else {_ROUTE: route}
    requests, queries = await asyncio.gather(
        figures.increases(f"{REPEATED}_count", labels, where),
        figures.increases(f"{REPEATED}_sum", labels, where),
    )
    found = [
        Repetition(key[0], key[1], key[2], count, queries.get(key, 0))
        for key, count in requests.items()
        if count > 0
    ]
    return sorted(found, key=lambda each: each.queries, reverse=True)


async def lag_of(figures: Figures) -> Buckets | None:
    """Returns the lag of the event loops; None if nothing measured it.

    Raises:
        StoreUnavailable: The source does not answer.
    """
    return (await figures.histograms(LAG, ())).get(())
