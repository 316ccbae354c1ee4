"""The whole system on one screen, with the real Prometheus and Alertmanager, and without them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from app import VERSION
from otel.testing import Captured
from stack.native import logins
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.infra.stores.conftest import PASSWORD, run_alertmanager
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.collector_config import stores
from tests.programs import free_port, wait, wait_until

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}
PATH = "/monitoring/system-status"
RESOURCE = {"service.name": "lms", "service.namespace": "stegmaier", "service.version": "9.8.7"}


def pushed() -> dict[str, Any]:
    """Returns what the platform pushes now; Prometheus makes a target_info with its version of it."""
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in RESOURCE.items()]
    point = {"timeUnixNano": str(time.time_ns()), "asInt": "1"}
    metric = {"name": "some", "gauge": {"dataPoints": [point]}}
    return {
        "resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": [metric]}]}]
    }


async def page(api: Api) -> dict[str, Any]:
    answer = await api.client.get(PATH, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(name="prometheus_address", scope="module")
def _prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that watches itself and a platform that is down."""
    folder, port = tmp_path_factory.mktemp("prometheus") / "etc", free_port()
    where = f"127.0.0.1:{port}"
    with stores.prometheus(folder, port, {"prometheus": [where], "lms": ["127.0.0.1:9"]}) as api:
        query = {"query": "count(up) == 2 and on() prometheus_build_info"}
        wait_until(
            lambda: api.get("/api/v1/query", params=query).json()["data"]["result"], "both are scraped"
        )
        api.post("/api/v1/otlp/v1/metrics", json=pushed()).raise_for_status()
        yield f"http://{where}"


@pytest.fixture(name="alertmanager_address", scope="module")
def _alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Alertmanager in which four alerts fire, one inhibited by another."""
    for url in run_alertmanager(tmp_path_factory.mktemp("alertmanager")):
        labels = [
            {"alertname": "Broken", "severity": "page", "job": "a"},
            {"alertname": "Slow", "severity": "warning", "job": "a"},
            {"alertname": "Odd", "severity": "warning", "job": "b"},
            {"alertname": "Watchdog", "severity": "none"},
        ]
        body = [{"labels": each, "annotations": {"summary": f"It is {each['alertname']}"}} for each in labels]
        with httpx.Client(base_url=logins.with_login(url, PASSWORD), timeout=10) as client:
            client.post("/api/v2/alerts", json=body).raise_for_status()
            wait_until(lambda: _suppressed(client) == 1, "one alert is inhibited")
        yield url


def _suppressed(client: httpx.Client) -> int:
    states = [each["status"]["state"] for each in client.get("/api/v2/alerts").json()]
    return states.count("suppressed") if "unprocessed" not in states else -1


@pytest.fixture(name="watched")
async def _watched(
    prometheus_address: str,
    alertmanager_address: str,
    empty_mongodb_url: str,
    empty_redis_url: str,
    telemetry: Captured,
    clock: FixedClock,
) -> AsyncIterator[Api]:
    settings = make_settings(
        empty_mongodb_url,
        empty_redis_url,
        prometheus_url=prometheus_address,
        alertmanager_url=alertmanager_address,
        stores_password=PASSWORD,
    )
    async with serving(settings, telemetry, clock) as api:
        yield api


async def test_everything_is_on_one_screen(watched: Api) -> None:
    found = await page(watched)
    assert (found["partial"], found["missing"]) == (False, [])
    assert found["alerts"]["active"] == {"page": 1, "warning": 1, "none": 1}
    assert found["alerts"]["suppressed"] == 1
    [critical] = found["alerts"]["pages"]
    assert (critical["name"], critical["summary"]) == ("Broken", "It is Broken")
    services = {each["name"]: each for each in found["services"]}
    assert (services["prometheus"]["instances"], services["prometheus"]["up"]) == (1, 1)
    assert services["prometheus"]["versions"][0].count(".") == 2
    assert (services["lms"]["instances"], services["lms"]["up"]) == (1, 0)
    assert services["lms"]["versions"] == ["9.8.7"]
    assert "stegmaier/lms" not in services
    assert services["mongodb"]["versions"]
    assert services["redis"]["versions"]


async def test_the_process_answers_for_itself_without_the_stores(api: Api, telemetry: Captured) -> None:
    await wait(
        lambda: "system" in (api.app.state.health.report().components or {}), "the machine is measured"
    )
    found = await page(api)
    assert (found["partial"], found["missing"]) == (True, ["prometheus", "alertmanager"])
    assert "LMS_ALERTMANAGER_URL" in found["reasons"][1]["reason"]
    assert found["alerts"] is None
    assert found["process"]["version"] == VERSION
    assert found["process"]["instance"] == telemetry.telemetry.instance
    assert found["process"]["memory_bytes"] > 1_000_000
    assert found["process"]["uptime_seconds"] >= 0
    assert (found["limiter"]["backend"], found["limiter"]["breaker"]) == ("redis", "closed")
    assert found["limiter"]["rules_error"] is None
    memory = {each["name"]: each for each in found["resources"]}["system:memory"]
    assert 0 < memory["value"] <= 1
    assert set(found["telemetry"]) == {"traces", "metrics", "logs"}
    assert found["status"] == found["health"]["status"]


async def test_health_names_what_does_not_pass(api: Api) -> None:
    report = api.app.state.health.report()
    found = await page(api)
    assert found["health"]["decided_by"] == report.decided_by
    failing = {name for name, each in report.components.items() if each.status != "pass"}
    assert set(found["health"]["not_passing"]) == failing


async def test_stores_that_are_away_are_named(
    empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    settings = make_settings(
        empty_mongodb_url, empty_redis_url, prometheus_url=nowhere, alertmanager_url=nowhere
    )
    async with serving(settings, telemetry, clock) as api:
        found = await page(api)
    assert sorted(found["missing"]) == ["alertmanager", "prometheus"]
    assert found["process"]["version"] == VERSION


async def test_it_is_for_operators(api: Api) -> None:
    assert_problem(await api.client.get(PATH), 401, "not_authenticated")
    assert_problem(await (await api.student()).get(PATH), 403, "role_required")
    unknown = await api.client.get(PATH, params={"verbose": "1"}, headers=TOKEN)
    assert_problem(unknown, 422, "validation_failed", "query.verbose")
