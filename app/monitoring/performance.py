"""How fast the platform answers, by route, now and a week ago; and what to look at first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

import otel
from app.core.clock import Clock
from app.infra.stores import Prometheus
from app.monitoring.figures import Figures, ProcessFigures, PrometheusFigures
from app.monitoring.findings import findings_of
from app.monitoring.metrics_json import Window
from app.monitoring.operators import OPERATORS
from app.monitoring.partial import Sources
from app.monitoring.performance_figures import (
    Pool,
    Repetition,
    RouteFigures,
    RouteKey,
    lag_of,
    pools_of,
    repetitions_of,
    routes_of,
)
from app.monitoring.performance_shapes import (
    Latency,
    PerformanceOut,
    PoolOut,
    RepeatedQueryOut,
    RepetitionOut,
    RouteOut,
    SlowQueryOut,
    Traffic,
)

WEEK: Final = timedelta(weeks=1)


class PerformanceQuery(BaseModel):
    """Which part of the performance to show."""

    model_config = ConfigDict(frozen=True)

    window: Window = Field(
        timedelta(hours=1),
        description="Period that ends now, from 5m to 24h.",
        validate_default=False,
    )
    route: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = Field(
        None, description="One route template alone.", examples=["/api/v1/courses/{course_id}"]
    )
    limit: int = Field(10, ge=1, le=100, description="Rows per table.")


@dataclass(frozen=True, slots=True)
class _Found:
    """What one source knows."""

    figures: Figures
    routes: Mapping[RouteKey, RouteFigures]
    last_week: Mapping[RouteKey, RouteFigures]
    repetitions: list[Repetition]
    lag: otel.Buckets | None
    pools: Mapping[str, Pool]

    @property
    def is_known(self) -> bool:
        """Whether the source has figures of this service at all."""
        return bool(self.routes or self.pools or self.lag)


def performance_router(telemetry: otel.Telemetry) -> APIRouter:
    """Returns the endpoint about performance."""
    router = APIRouter()

    @router.get("/performance", **OPERATORS)
    async def performance(request: Request, wanted: Annotated[PerformanceQuery, Query()]) -> PerformanceOut:
        """Returns latency and errors by route, queries, the event loop, pools, and findings.

        Routes, repetitions, loop and pools are of all processes in the window, compared with the same window
        a week earlier; without Prometheus, of the process that answered since its start. Queries by shape are
        of the process that answered in either case: no store has them.
        """
        sources = Sources()
        prometheus: Prometheus | None = request.app.state.stores.prometheus
        found = await _found(telemetry, prometheus, wanted, sources)
        clock: Clock = request.app.state.clock
        return _page(telemetry, found, wanted, sources, clock.now())

    return router


async def _found(
    telemetry: otel.Telemetry, prometheus: Prometheus | None, wanted: PerformanceQuery, sources: Sources
) -> _Found:
    if prometheus is None:
        sources.not_configured("prometheus")
    elif found := await sources.ask(_from_prometheus(prometheus, telemetry.service, wanted), None):
        if found.is_known:
            return found
        sources.has_nothing(prometheus.source)
    families = await asyncio.to_thread(telemetry.metric_families)
    return await _from(ProcessFigures(families, telemetry.seconds), wanted.route)


async def _from_prometheus(prometheus: Prometheus, service: str, wanted: PerformanceQuery) -> _Found:
    before = PrometheusFigures(prometheus, service, wanted.window, WEEK)
    now = PrometheusFigures(prometheus, service, wanted.window)
    found, last_week = await asyncio.gather(_from(now, wanted.route), routes_of(before, wanted.route))
    return _Found(found.figures, found.routes, last_week, found.repetitions, found.lag, found.pools)


async def _from(figures: Figures, route: str | None) -> _Found:
    routes, repetitions, lag, pools = await asyncio.gather(
        routes_of(figures, route), repetitions_of(figures, route), lag_of(figures), pools_of(figures)
    )
    return _Found(figures, routes, {}, repetitions, lag, pools)


def _page(
    telemetry: otel.Telemetry, found: _Found, wanted: PerformanceQuery, sources: Sources, now: datetime
) -> PerformanceOut:
    is_platform = found.figures.scope == "platform"
    slow = [SlowQueryOut.of(each) for each in telemetry.slow_queries() if _fits(each, wanted.route)]
    repeated = [
        RepeatedQueryOut.of(each) for each in telemetry.repeated_queries() if _fits(each, wanted.route)
    ]
    whole = PerformanceOut(
        **sources.account().model_dump(),
        source="prometheus" if is_platform else "process",
        scope=found.figures.scope,
        instance=telemetry.instance,
        seconds=round(found.figures.seconds, 1),
        compared_to=now - WEEK if is_platform else None,
        findings=[],
        routes=_routes(found),
        slow_queries=slow,
        repeated_queries=repeated,
        repetitions=[RepetitionOut.of(each) for each in found.repetitions],
        event_loop_lag=Latency.of(found.lag),
        pools=[PoolOut.of(name, pool) for name, pool in found.pools.items()],
    )
    most = wanted.limit
    return whole.model_copy(
        update={
            "findings": findings_of(whole)[:most],
            "routes": whole.routes[:most],
            "slow_queries": slow[:most],
            "repeated_queries": repeated[:most],
            "repetitions": whole.repetitions[:most],
        }
    )


def _fits(cost: otel.QueryCost, route: str | None) -> bool:
    return route is None or cost.route == route


def _routes(found: _Found) -> list[RouteOut]:
    seconds = found.figures.seconds
    rows = []
    for key, now in found.routes.items():
        before = found.last_week.get(key)
        last_week = None if before is None else Traffic.over(before, seconds)
        rows.append(RouteOut.of(key, Traffic.over(now, seconds), last_week))
    return sorted(rows, key=lambda row: row.now.p95_ms or 0.0, reverse=True)
