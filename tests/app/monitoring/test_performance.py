"""Performance against a real Prometheus with planted figures, and without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.settings import Settings
from app.core.telemetry import LMS_METRICS
from app.monitoring.figures import quantile
from app.monitoring.kpis import KPI_METRICS
from app.monitoring.performance_figures import PERFORMANCE_METRICS
from otel import Buckets
from otel.metrics.prometheus_name import prometheus_name
from otel.startup import catalogues
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.monitoring.fed_prometheus import STEP, STEPS, WEEK, Fed, fed_prometheus
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.programs import free_port

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}
PATH = "/monitoring/performance"
DURATION = "http.server.request.duration"
BOUNDS = (0.1, 0.2, 0.4, 1.0, 4.0)
HOSTILE = [
    '"} or up or {a="',
    'x"}[5m])) or vector(1) #',
    "\\",
    "}{",
    "a\nb",
    ".*",
    "$__range",
    "'\"`",
    "\N{PILE OF POO}",
]


def of(route: str, status: str = "200") -> tuple[tuple[str, str], ...]:
    return (
        ("http.request.method", "GET"),
        ("http.route", route),
        ("http.response.status_code", status),
    )


def plant(fed: Fed) -> None:
    fast, slow, failing = of("/fast"), of("/slow"), of("/failing")
    # A week ago: as fast as /fast is today. It is sent first: Prometheus is told the past first.
    fed.histogram(DURATION, "s", BOUNDS, {slow: [100, 0, 0, 0, 0, 0]}, ago=WEEK)
    fed.histogram(
        DURATION,
        "s",
        BOUNDS,
        {
            fast: [100, 0, 0, 0, 0, 0],  # all within 0 to 0.1: p50 50 ms, p95 95 ms
            slow: [0, 0, 0, 50, 50, 0],  # half 0.4 to 1, half 1 to 4: p50 1 s, p95 3.7 s, p99 3.94 s
            failing: [90, 0, 0, 0, 0, 0],
            of("/failing", "500"): [10, 0, 0, 0, 0, 0],
        },
    )
    fed.histogram("asyncio.event_loop.lag", "s", BOUNDS, {(): [0, 100, 0, 0, 0, 0]})
    pool = ("db.client.connection.pool.name", "db:1")
    state = "db.client.connection.state"
    fed.gauge(
        "db.client.connection.count",
        "{connection}",
        {(pool, (state, "used")): 97, (pool, (state, "idle")): 1},
    )
    fed.gauge("db.client.connection.max", "{connection}", {(pool,): 100})
    repeated = (
        ("http.route", "/slow"),
        ("db.operation.name", "find"),
        ("db.collection.name", "courses"),
        ("db.system.name", "mongodb"),
    )
    fed.histogram("db.client.repeated_queries", "{query}", (10, 50), {repeated: [0, 5, 0]})


@pytest.fixture(name="fed", scope="module")
def _fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fed]:
    with fed_prometheus(tmp_path_factory.mktemp("fed") / "etc") as fed:
        plant(fed)
        yield fed


@pytest.fixture(name="watched")
async def _watched(
    fed: Fed, empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> AsyncIterator[Api]:
    """The platform, with that Prometheus as its own."""
    settings = make_settings(empty_mongodb_url, empty_redis_url, prometheus_url=fed.url)
    async with serving(settings, telemetry, clock) as api:
        yield api


async def ask(api: Api, **query: str) -> httpx.Response:
    return await api.client.get(PATH, params=query, headers=TOKEN)


async def page(api: Api, **query: str) -> dict[str, Any]:
    answer = await ask(api, **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_quantiles_and_rates_of_known_histograms(watched: Api) -> None:
    found = await page(watched, window="20m")
    assert (found["source"], found["scope"], found["partial"]) == ("prometheus", "platform", False)
    routes = {row["route"]: row for row in found["routes"]}
    assert [row["route"] for row in found["routes"]] == ["/slow", "/fast", "/failing"]
    fast, slow, failing = (routes[name]["now"] for name in ("/fast", "/slow", "/failing"))
    assert (fast["p50_ms"], fast["p95_ms"], fast["p99_ms"]) == pytest.approx((50, 95, 99))
    assert (slow["p50_ms"], slow["p95_ms"], slow["p99_ms"]) == pytest.approx((1000, 3700, 3940))
    assert failing["error_ratio"] == pytest.approx(0.1)
    # Prometheus extrapolates up to half a step beyond each end.
    assert fast["requests"] == pytest.approx(100 * STEPS, rel=1.2 / STEPS)
    assert fast["requests_per_second"] == pytest.approx(fast["requests"] / 1200, abs=0.001)
    assert fast["requests"] / (STEPS * STEP) == pytest.approx(100 / STEP, rel=1.2 / STEPS)
    lag = found["event_loop_lag"]
    assert (lag["p50_ms"], lag["p99_ms"]) == pytest.approx((150, 199))
    assert found["pools"] == [
        {
            "name": "db:1",
            "used": 97,
            "idle": 1,
            "limit": 100,
            "use": 0.97,
            "timeouts": 0,
            "wait": {"p50_ms": None, "p95_ms": None, "p99_ms": None},
        }
    ]


async def test_the_same_window_of_last_week_is_compared(watched: Api) -> None:
    found = await page(watched, window="20m")
    routes = {row["route"]: row for row in found["routes"]}
    assert routes["/fast"]["last_week"] is None
    assert routes["/slow"]["last_week"]["p95_ms"] == pytest.approx(95)
    assert routes["/slow"]["p95_change"] == pytest.approx(3700 / 95, rel=0.001)
    assert found["compared_to"] is not None


async def test_findings_name_what_was_planted_causes_first(watched: Api) -> None:
    found = (await page(watched, window="20m"))["findings"]
    assert [(each["kind"], each["severity"], each["subject"]) for each in found] == [
        ("pool_exhausted", "critical", "db:1"),
        ("errors", "critical", "GET /failing"),
        ("slower_than_last_week", "critical", "GET /slow"),
        ("slow_route", "critical", "GET /slow"),
        ("event_loop_blocked", "warning", "event loop"),
        ("repeated_queries", "warning", "/slow"),
    ]
    by_kind = {each["kind"]: each for each in found}
    assert by_kind["slower_than_last_week"]["evidence"]["p95_ms_last_week"] == pytest.approx(95)
    assert by_kind["errors"]["evidence"]["error_ratio"] == pytest.approx(0.1)
    assert by_kind["repeated_queries"]["evidence"]["queries_per_request"] == pytest.approx(30)
    assert by_kind["repeated_queries"]["evidence"]["collection"] == "courses"


async def test_a_filter_and_a_limit(watched: Api) -> None:
    assert [row["route"] for row in (await page(watched, route="/fast"))["routes"]] == ["/fast"]
    found = await page(watched, limit="1")
    assert [len(found[name]) for name in ("routes", "findings")] == [1, 1]


@pytest.mark.parametrize("route", HOSTILE)
async def test_a_hostile_filter_is_a_route_that_does_not_exist(watched: Api, route: str) -> None:
    found = await page(watched, route=route)
    assert (found["source"], found["partial"], found["routes"]) == ("prometheus", False, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"windw": "5m"}, "query.windw"),
        ({"window": "4m"}, "query.window"),
        ({"window": "25h"}, "query.window"),
        ({"window": "99999d"}, "query.window"),
        ({"window": "1h30"}, "query.window"),
        ({"window": "-1h"}, "query.window"),
        ({"window": ""}, "query.window"),
        ({"limit": "0"}, "query.limit"),
        ({"limit": "1000000000"}, "query.limit"),
        ({"route": ""}, "query.route"),
        ({"route": "x" * 301}, "query.route"),
    ],
)
async def test_a_bad_question_names_its_field(api: Api, query: dict[str, str], field: str) -> None:
    assert_problem(await ask(api, **query), 422, "validation_failed", field)


async def test_without_prometheus_the_process_answers_for_itself(api: Api, telemetry: Captured) -> None:
    for _ in range(3):
        await api.client.get("/courses")
    found = await page(api, route="/api/v1/courses")
    assert (found["source"], found["scope"]) == ("process", "process")
    assert (found["partial"], found["missing"]) == (True, ["prometheus"])
    [row] = found["routes"]
    assert (row["route"], row["now"]["requests"], row["last_week"]) == ("/api/v1/courses", 3, None)
    assert 0 < row["now"]["p50_ms"] <= row["now"]["p99_ms"]
    assert found["instance"] == telemetry.telemetry.instance
    assert [pool["name"] for pool in (await page(api))["pools"]]


async def test_a_prometheus_that_is_away_is_named(
    settings: Settings, telemetry: Captured, clock: FixedClock
) -> None:
    away = settings.model_copy(update={"prometheus_url": f"http://127.0.0.1:{free_port()}"})
    async with serving(away, telemetry, clock) as api:
        found = await page(api)
    assert (found["source"], found["missing"]) == ("process", ["prometheus"])
    assert "ConnectError" in found["reasons"][0]["reason"]


async def test_a_prometheus_that_knows_nothing_of_this_service_is_no_healthy_platform(
    tmp_path: Path, settings: Settings, telemetry: Captured, clock: FixedClock
) -> None:
    with fed_prometheus(tmp_path / "etc") as fed:
        empty = settings.model_copy(update={"prometheus_url": fed.url})
        async with serving(empty, telemetry, clock) as api:
            await api.client.get("/courses")
            found = await page(api)
            figures = (await api.client.get("/monitoring/metrics/json", headers=TOKEN)).json()
            status = (await api.client.get("/monitoring/system-status", headers=TOKEN)).json()
    reason = {"source": "prometheus", "reason": "has no figures of this service in this period"}
    assert (found["source"], found["scope"], found["compared_to"]) == ("process", "process", None)
    assert (found["partial"], found["reasons"]) == (True, [reason])
    assert "/api/v1/courses" in {row["route"] for row in found["routes"]}
    assert (figures["platform"], figures["partial"], figures["reasons"]) == (None, True, [reason])
    watches = {"source": "prometheus", "reason": "watches nothing, or has not begun to"}
    assert (status["partial"], watches in status["reasons"]) == (True, True)


async def test_performance_is_for_operators(api: Api) -> None:
    assert_problem(await api.client.get(PATH), 401, "not_authenticated")
    assert_problem(await (await api.student()).get(PATH), 403, "role_required")


@pytest.mark.parametrize(
    ("bounds", "share", "expected"),
    [
        (((1.0, 0.0), (float("inf"), 0.0)), 0.5, None),
        (((1.0, 10.0), (float("inf"), 10.0)), 0.5, 0.5),
        (((1.0, 0.0), (2.0, 10.0), (float("inf"), 10.0)), 0.95, 1.95),
        (((1.0, 1.0), (2.0, 1.0), (float("inf"), 10.0)), 0.99, 2.0),
    ],
)
def test_a_quantile_is_interpolated_in_its_bucket(
    bounds: tuple[tuple[float, float], ...], share: float, expected: float | None
) -> None:
    assert quantile(Buckets(bounds, 0.0), share) == (expected and pytest.approx(expected))


def test_every_metric_that_is_asked_for_is_declared() -> None:
    declared = {
        prometheus_name(metric.declaration) for each in (*catalogues(), LMS_METRICS) for metric in each
    }
    assert {*KPI_METRICS, *PERFORMANCE_METRICS} <= declared
