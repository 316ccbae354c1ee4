"""A service's surplus of metric series is dropped, counted by service, and costs no other service a point."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.collector_config import collector, metric_kinds, stores
from tests.collector_config.chains import MASK, with_chain
from tests.collector_config.collector import Collector
from tests.collector_config.metric_kinds import Json, attribute, gauge
from tests.programs import free_port, wait_until

QUOTA, ALL, NAMES = 300, 500, 2_000
DROPPED = "otelcol_series_points_dropped_total"


def _request(service: str, names: range) -> Json:
    resource = {"attributes": [attribute("service.name", service)]}
    return metric_kinds.request(*(gauge(f"n{number}") for number in names), resource=resource)


@pytest.fixture(name="parts")
def _parts(tmp_path: Path) -> Iterator[tuple[Collector, httpx.Client]]:
    port = free_port()
    given = {
        "PROMETHEUS_URL": f"http://127.0.0.1:{port}",
        "COLLECTOR_SERVICE_SERIES": str(QUOTA),
        "COLLECTOR_ALL_SERIES": str(ALL),
    }
    files = with_chain(MASK, ["base.yaml", "prometheus.yaml"])
    with (
        stores.prometheus(tmp_path / "etc", port, {}) as api,
        collector.running(files, tmp_path, **given) as running,
    ):
        yield running, api


def _series(api: httpx.Client, service: str) -> int:
    query = {"query": f'count({{service_name="{service}"}})', "time": str(metric_kinds.NOW / 1e9)}
    found = api.get("/api/v1/query", params=query).json()["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def test_a_service_with_ever_new_names_has_a_limit_of_its_own(parts: tuple[Collector, httpx.Client]) -> None:
    running, api = parts
    for first in range(0, NAMES, 500):
        assert running.send("metrics", _request("greedy", range(first, first + 500))).status_code == 200
    assert running.send("metrics", _request("modest", range(100))).status_code == 200
    wait_until(lambda: (_series(api, "modest"), _series(api, "greedy")) == (100, QUOTA), "all are stored")
    assert running.metric(DROPPED, service_name="greedy") == NAMES - QUOTA
    assert running.metric(DROPPED, service_name="modest") == 0
    assert running.metric("otelcol_series_known", service_name="greedy") == QUOTA
    # Whoever was there before the room was full goes on.
    assert running.send("metrics", _request("third", range(300))).status_code == 200
    wait_until(partial(_has, api, "third", ALL - QUOTA - 100), "the rest of the room is used")
    assert running.send("metrics", _request("modest", range(100))).status_code == 200
    assert running.metric(DROPPED, service_name="modest") == 0
    assert running.metric("otelcol_exporter_send_failed_metric_points_total") == 0


def _has(api: httpx.Client, service: str, count: int) -> bool:
    return _series(api, service) == count
