"""The shape of the performance page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from app.monitoring.figures import Scope, quantile
from app.monitoring.partial import Partial
from app.monitoring.performance_figures import Pool, Repetition, RouteFigures, RouteKey
from otel import Buckets, QueryCost


class Latency(BaseModel):
    """Quantiles in milliseconds, interpolated within a histogram's buckets; null without measurements."""

    p50_ms: float | None = Field(examples=[12.4])
    p95_ms: float | None = Field(examples=[48.0])
    p99_ms: float | None = Field(examples=[95.0])

    @classmethod
    def of(cls, found: Buckets | None) -> Self:
        """Returns the quantiles of a histogram of seconds."""
        values = [None if found is None else quantile(found, share) for share in (0.5, 0.95, 0.99)]
        shown = [None if value is None else round(value * 1000, 3) for value in values]
        return cls(p50_ms=shown[0], p95_ms=shown[1], p99_ms=shown[2])


class Traffic(Latency):
    """The requests of one route in a period."""

    requests: float = Field(description="How many.", examples=[3600])
    requests_per_second: float = Field(examples=[1.0])
    errors: float = Field(description="How many failed (5xx).", examples=[36])
    errors_per_second: float = Field(examples=[0.01])
    error_ratio: float | None = Field(examples=[0.01])

    @classmethod
    def over(cls, found: RouteFigures, seconds: float) -> Self:
        """Returns what a route did in a period of ``seconds``."""
        ratio = found.error_ratio
        return cls(
            **Latency.of(found.durations).model_dump(),
            requests=round(found.requests, 1),
            requests_per_second=round(found.requests / seconds, 4),
            errors=round(found.errors, 1),
            errors_per_second=round(found.errors / seconds, 4),
            error_ratio=None if ratio is None else round(ratio, 4),
        )


class RouteOut(BaseModel):
    """One route now, and in the same period a week earlier."""

    method: str = Field(examples=["GET"])
    route: str = Field(examples=["/api/v1/courses/{course_id}"])
    now: Traffic
    last_week: Traffic | None = Field(description="Null if it had no requests then, or without Prometheus.")
    p95_change: float | None = Field(
        description="p95 now by p95 last week: 2 means twice as slow.", examples=[1.1]
    )

    @classmethod
    def of(cls, key: RouteKey, now: Traffic, last_week: Traffic | None) -> Self:
        """Returns a route's row."""
        before = last_week.p95_ms if last_week else None
        change = round(now.p95_ms / before, 3) if now.p95_ms is not None and before else None
        return cls(method=key[0], route=key[1], now=now, last_week=last_week, p95_change=change)


class QueryOut(BaseModel):
    """A query without its values, on one route of the process that answered, since its start."""

    query_hash: str = Field(description="As in the log lines about it.", examples=["9c3f1ab20d4e"])
    query_shape: str = Field(examples=['{"filter":{"_id":?}}'])
    system: str = Field(examples=["mongodb"])
    operation: str = Field(examples=["find"])
    collection: str | None = Field(examples=["courses"])
    route: str | None = Field(description="Null outside of a request.", examples=["/api/v1/courses"])
    last_trace_id: str | None = Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    last_seen: datetime

    @staticmethod
    def facts(cost: QueryCost) -> dict[str, object]:
        """Returns the fields that all kinds of costs share."""
        query = cost.query
        return {
            "query_hash": query.query_hash,
            "query_shape": query.shape,
            "system": query.system,
            "operation": query.operation,
            "collection": query.collection,
            "route": cost.route,
            "last_trace_id": cost.trace_id,
            "last_seen": datetime.fromtimestamp(cost.last_seen, UTC),
        }


class SlowQueryOut(QueryOut):
    """Slow calls of one shape."""

    count: int = Field(description="Calls slower than TELEMETRY_SLOW_QUERY_MS.", examples=[14])
    total_ms: float = Field(examples=[2310.5])
    max_ms: float = Field(examples=[412.0])

    @classmethod
    def of(cls, cost: QueryCost) -> Self:
        """Returns a row of the table of slow queries."""
        facts = {"total_ms": round(cost.total * 1000, 3), "max_ms": round(cost.largest * 1000, 3)}
        return cls.model_validate({**cls.facts(cost), "count": cost.times, **facts})


class RepeatedQueryOut(QueryOut):
    """Queries of one shape that requests repeated more than TELEMETRY_REPEATED_QUERIES times."""

    requests: int = Field(description="Requests that repeated it.", examples=[9])
    queries: float = Field(description="Queries in all of them.", examples=[432])
    most: float = Field(description="Queries in the worst of them.", examples=[50])

    @classmethod
    def of(cls, cost: QueryCost) -> Self:
        """Returns a row of the table of repeated queries."""
        facts = {"requests": cost.times, "queries": cost.total, "most": cost.largest}
        return cls.model_validate({**cls.facts(cost), **facts})


class RepetitionOut(BaseModel):
    """Queries repeated within one request, by route; the shapes are in `repeated_queries`."""

    route: str = Field(examples=["/api/v1/enrollments"])
    operation: str = Field(examples=["find"])
    collection: str = Field(examples=["courses"])
    requests: float = Field(examples=[120])
    queries_per_request: float = Field(examples=[48.0])

    @classmethod
    def of(cls, found: Repetition) -> Self:
        """Returns a row."""
        return cls(
            route=found.route,
            operation=found.operation,
            collection=found.collection,
            requests=round(found.requests, 1),
            queries_per_request=round(found.queries / found.requests, 1),
        )


class PoolOut(BaseModel):
    """A pool of connections to a database or cache."""

    name: str = Field(examples=["127.0.0.1:27017"])
    used: float = Field(description="Connections in use, over all processes of the scope.", examples=[3])
    idle: float = Field(examples=[7])
    limit: float | None = Field(examples=[100])
    use: float | None = Field(description="Share of the limit in use.", examples=[0.03])
    timeouts: float = Field(description="Waits in the period that ended without one.", examples=[0])
    wait: Latency = Field(description="Time to get a connection.")

    @classmethod
    def of(cls, name: str, pool: Pool) -> Self:
        """Returns a pool's row."""
        use = None if pool.use is None else round(pool.use, 4)
        return cls(
            name=name,
            used=pool.used,
            idle=pool.idle,
            limit=pool.limit,
            use=use,
            timeouts=round(pool.timeouts, 1),
            wait=Latency.of(pool.waits),
        )


class Finding(BaseModel):
    """Something to look at, with the figures that say so."""

    kind: Literal[
        "pool_exhausted",
        "event_loop_blocked",
        "errors",
        "slower_than_last_week",
        "slow_route",
        "repeated_queries",
        "slow_query",
    ] = Field(examples=["slow_route"])
    severity: Literal["critical", "warning"]
    subject: str = Field(description="What it is about.", examples=["GET /api/v1/courses"])
    reason: str = Field(
        description="What is wrong and what to do first.",
        examples=["Half of what learners wait for is here: p95 is 1200 ms. Open its slowest traces."],
    )
    evidence: dict[str, float | str | None] = Field(examples=[{"p95_ms": 1200.0, "requests_per_second": 3.1}])
    runbook: str = Field(
        description="Where the repository explains what to do.", examples=["docs/performance.md#slow-route"]
    )
    trace_id: str | None = Field(
        default=None, description="A trace that shows it, see `trace/{id}`.", examples=[None]
    )


class PerformanceOut(Partial):
    """How fast the platform answers, and what to look at first."""

    source: Literal["prometheus", "process"] = Field(
        description="Where routes, loop and pools come from: without Prometheus, the process that answered."
    )
    scope: Scope
    instance: str = Field(description="The process that answered.", examples=["lms-1-0"])
    seconds: float = Field(
        description="Length of the period: the window, or without Prometheus the process's life.",
        examples=[3600],
    )
    compared_to: datetime | None = Field(
        description="When the period ended that it is compared with; null without Prometheus."
    )
    findings: list[Finding] = Field(description="What to look at, the most urgent first.")
    routes: list[RouteOut] = Field(description="The slowest by p95 first.")
    slow_queries: list[SlowQueryOut] = Field(
        description="Of the process that answered, the largest total first."
    )
    repeated_queries: list[RepeatedQueryOut] = Field(
        description="Of the process that answered, with their shapes."
    )
    repetitions: list[RepetitionOut] = Field(description="The same by route, from `source`.")
    event_loop_lag: Latency
    pools: list[PoolOut]
