"""What to look at first: causes that explain many slow routes before the routes, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.monitoring.performance_shapes import (
    Finding,
    Latency,
    PerformanceOut,
    PoolOut,
    RepetitionOut,
    RouteOut,
    SlowQueryOut,
)

RUNBOOK: Final = "docs/performance.md"
FEW_REQUESTS: Final = 10
"""Below it, a ratio or a quantile of a route says little."""
ERROR_RATIOS: Final = (0.01, 0.05)
SLOW_MS: Final = (500.0, 2000.0)
LAG_MS: Final = (100.0, 500.0)
POOL_USES: Final = (0.8, 0.95)
SLOWER: Final = (1.5, 3.0)
"""Thresholds of a warning and of a critical finding."""
NOTICEABLE_MS: Final = 50.0
"""A route that answers faster than this is not reported as slower than last week."""
LONG_QUERIES_MS: Final = 1000.0
"""Total of one query's slow calls from which on it is worth a finding."""


def findings_of(page: PerformanceOut) -> list[Finding]:
    """Returns what to look at: critical before warnings; then causes before symptoms; then by impact."""
    found = [
        *_pools(page.pools),
        *_loop(page.event_loop_lag),
        *_errors(page.routes),
        *_slower(page.routes),
        *_slow_routes(page.routes),
        *_repetitions(page),
        *_slow_queries(page.slow_queries),
    ]
    return sorted(found, key=lambda each: each.severity != "critical")


def _finding(value: float, bounds: tuple[float, float], kind: str, **facts: object) -> Iterator[Finding]:
    """Yields a finding if ``value`` reaches the first of two bounds, a critical one at the second."""
    if value < bounds[0]:
        return
    severity = "critical" if value >= bounds[1] else "warning"
    runbook = f"{RUNBOOK}#{kind.replace('_', '-')}"
    yield Finding.model_validate({"kind": kind, "severity": severity, "runbook": runbook, **facts})


def _pools(pools: list[PoolOut]) -> Iterator[Finding]:
    for pool in sorted(pools, key=lambda each: each.use or 0, reverse=True):
        # A timeout means that the pool was full, whatever it is now.
        use = 1.0 if pool.timeouts > 0 else pool.use or 0.0
        yield from _finding(
            use,
            POOL_USES,
            "pool_exhausted",
            subject=pool.name,
            reason="Requests wait for a connection, so every route that uses it is slow: look for queries "
            "that hold connections long before you raise the limit.",
            evidence={
                "used": pool.used,
                "limit": pool.limit,
                "timeouts": pool.timeouts,
                "wait_p95_ms": pool.wait.p95_ms,
            },
        )


def _loop(lag: Latency) -> Iterator[Finding]:
    yield from _finding(
        lag.p99_ms or 0.0,
        LAG_MS,
        "event_loop_blocked",
        subject="event loop",
        reason="Something blocks the event loop, so all requests of a process wait: look for a trace with a "
        "gap between its spans.",
        evidence={"lag_p50_ms": lag.p50_ms, "lag_p99_ms": lag.p99_ms},
    )


def _busy(routes: list[RouteOut]) -> list[RouteOut]:
    return [route for route in routes if route.now.requests >= FEW_REQUESTS]


def _errors(routes: list[RouteOut]) -> Iterator[Finding]:
    for route in sorted(_busy(routes), key=lambda each: each.now.errors, reverse=True):
        ratio = route.now.error_ratio or 0.0
        yield from _finding(
            ratio,
            ERROR_RATIOS,
            "errors",
            subject=f"{route.method} {route.route}",
            reason=f"{ratio:.1%} of its requests fail: open the error reports and the logs of its failures.",
            evidence={
                "error_ratio": ratio,
                "errors": route.now.errors,
                "error_ratio_last_week": route.last_week.error_ratio if route.last_week else None,
            },
        )


def _slower(routes: list[RouteOut]) -> Iterator[Finding]:
    for route in sorted(_busy(routes), key=_waited, reverse=True):
        before, now = route.last_week, route.now.p95_ms or 0.0
        if before is None or before.requests < FEW_REQUESTS or now < NOTICEABLE_MS:
            continue
        change = route.p95_change or 0.0
        yield from _finding(
            change,
            SLOWER,
            "slower_than_last_week",
            subject=f"{route.method} {route.route}",
            reason=f"Its p95 is {change:.1f} times that of last week: look at what was deployed or grew "
            "since, and compare a trace of then with one of now.",
            evidence={
                "p95_ms": now,
                "p95_ms_last_week": before.p95_ms,
                "requests_per_second": route.now.requests_per_second,
            },
        )


def _slow_routes(routes: list[RouteOut]) -> Iterator[Finding]:
    for route in sorted(_busy(routes), key=_waited, reverse=True):
        p95 = route.now.p95_ms or 0.0
        yield from _finding(
            p95,
            SLOW_MS,
            "slow_route",
            subject=f"{route.method} {route.route}",
            reason=f"One request in twenty takes {p95:.0f} ms or more: open its slowest traces and see which "
            "span takes the time.",
            evidence={
                "p95_ms": p95,
                "p99_ms": route.now.p99_ms,
                "requests_per_second": route.now.requests_per_second,
            },
        )


def _waited(route: RouteOut) -> float:
    """Returns roughly how long learners wait for a route, all together."""
    return route.now.requests_per_second * (route.now.p95_ms or 0.0)


def _repetitions(page: PerformanceOut) -> Iterator[Finding]:
    for found in page.repetitions:
        yield from _finding(
            1.0,
            (1.0, 2.0),
            "repeated_queries",
            subject=found.route,
            reason=f"A request sends {found.queries_per_request:.0f} queries of one shape to "
            f"{found.collection}: read what it needs with one query ($in), before the loop.",
            evidence={
                "queries_per_request": found.queries_per_request,
                "requests": found.requests,
                "operation": found.operation,
                "collection": found.collection,
            },
            trace_id=_trace_of(page, found),
        )


def _trace_of(page: PerformanceOut, found: RepetitionOut) -> str | None:
    same = (found.route, found.operation, found.collection)
    return next(
        (
            each.last_trace_id
            for each in page.repeated_queries
            if (each.route, each.operation, each.collection or "") == same
        ),
        None,
    )


def _slow_queries(queries: list[SlowQueryOut]) -> Iterator[Finding]:
    for query in queries:
        yield from _finding(
            query.total_ms,
            (LONG_QUERIES_MS, float("inf")),
            "slow_query",
            subject=f"{query.operation} {query.collection or query.system}",
            reason=f"{query.count} slow calls of one shape took {query.total_ms:.0f} ms in this process: "
            "explain the query and see whether an index serves it.",
            evidence={
                "query_hash": query.query_hash,
                "query_shape": query.query_shape,
                "count": query.count,
                "max_ms": query.max_ms,
                "route": query.route,
            },
            trace_id=query.last_trace_id,
        )
