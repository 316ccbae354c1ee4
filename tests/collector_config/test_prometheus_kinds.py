"""A metric that Prometheus cannot store costs no other point: converted, or dropped alone and counted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.collector_config import collector, stores
from tests.collector_config.chains import CHAINS, MASK, with_chain
from tests.collector_config.collector import Collector
from tests.collector_config.metric_kinds import (
    AGAIN,
    EXPONENTIAL,
    NOW,
    REJECTED,
    TAKEN,
    Json,
    at,
    counter,
    gauge,
    number,
    request,
)
from tests.programs import free_port, wait_until

PATH = "/api/v1/otlp/v1/metrics"
FILTERED = "otelcol_processor_filter_datapoints_filtered_total"
BISECTED = "otelcol_bisection_points_rejected_total"


@pytest.fixture(name="api", scope="module")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with stores.prometheus(tmp_path_factory.mktemp("prometheus") / "etc", free_port(), {}) as api:
        yield api


@pytest.mark.parametrize("kind", TAKEN)
def test_prometheus_takes(api: httpx.Client, kind: str) -> None:
    answer = api.post(PATH, json=TAKEN[kind])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", [*REJECTED, *EXPONENTIAL])
def test_prometheus_rejects(api: httpx.Client, kind: str) -> None:
    """Otherwise the filters would drop for nothing."""
    payload = {**REJECTED, **EXPONENTIAL}[kind]
    assert api.post(PATH, json=payload).status_code in {400, 500}


@pytest.mark.parametrize("kind", AGAIN)
def test_prometheus_rejects_the_second(api: httpx.Client, kind: str) -> None:
    first, second = AGAIN[kind]
    assert api.post(PATH, json=first).status_code == 200
    assert api.post(PATH, json=second).status_code == 400


def _stored(api: httpx.Client, pattern: str) -> set[str]:
    query = {"query": f'{{__name__=~"{pattern}"}}', "time": str(NOW / 1e9)}
    return {
        each["metric"]["__name__"] for each in api.get("/api/v1/query", params=query).json()["data"]["result"]
    }


def _send_all(running: Collector, kinds: dict[str, Json]) -> set[str]:
    """Sends each kind between two good metrics; returns the names of those as Prometheus has them."""
    names = {kind: f"neighbour.{kind.replace(' ', '.').replace(',', '')}" for kind in kinds}
    for kind, payload in kinds.items():
        for each in (request(gauge(f"{names[kind]}.a")), payload, request(gauge(f"{names[kind]}.b"))):
            assert running.send("metrics", each).status_code == 200, kind
    return {f"{name}.{end}".replace(".", "_") for name in names.values() for end in "ab"}


@pytest.mark.parametrize("chain", CHAINS)
def test_no_kind_costs_another_a_point(chain: str, tmp_path: Path) -> None:
    port = free_port()
    files = with_chain(chain, ["base.yaml", "prometheus.yaml"])
    limits = {"PROMETHEUS_OLDEST": "360m", "PROMETHEUS_AHEAD": "9m"}
    url = f"http://127.0.0.1:{port}"
    with (
        stores.prometheus(tmp_path / "etc", port, {}) as api,
        collector.running(files, tmp_path, PROMETHEUS_URL=url, **limits) as running,
    ):
        good = _send_all(running, {**TAKEN, **REJECTED})
        wait_until(
            lambda: not good - _stored(api, "neighbour.*"), f"lost: {good - _stored(api, 'neighbour.*')}"
        )
        assert running.metric("otelcol_exporter_send_failed_metric_points_total") == 0
        # Converted: a sum of one point is that point.
        wait_until(partial(_has, api, "k1_total", "1"), "the delta sum is not stored")
        wait_until(partial(_has, api, "k2_count", "3"), "the delta histogram is not stored")
        wait_until(partial(_has, api, "histogram_count(k3)", "3"), "the delta exponential is not stored")
        # Dropped: three of no temporality, one of an unknown one, two scales, and an offset.
        assert running.metric(FILTERED, filter="filter/prometheus") == 7
        assert running.metric(FILTERED, filter="filter/prometheus-window") == 4


def _has(api: httpx.Client, query: str, value: str) -> bool:
    found = api.get("/api/v1/query", params={"query": query, "time": str(NOW / 1e9)}).json()["data"]["result"]
    return [each["value"][1] for each in found] == [value]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_lean_build_loses_only_what_prometheus_rejects(compression: str, tmp_path: Path) -> None:
    port = free_port()
    given = {"PROMETHEUS_URL": f"http://127.0.0.1:{port}", "COLLECTOR_STORES_COMPRESSION": compression}
    files = with_chain(MASK, ["base.yaml", "prometheus.yaml"])
    with (
        stores.prometheus(tmp_path / "etc", port, {}) as api,
        collector.running(files, tmp_path, **given) as running,
    ):
        for first, _ in AGAIN.values():
            assert api.post(PATH, json=first).status_code == 200
        rejected = EXPONENTIAL | {kind: second for kind, (_, second) in AGAIN.items()}
        good = _send_all(running, rejected)
        wait_until(
            lambda: not good - _stored(api, "neighbour.*"), f"lost: {good - _stored(api, 'neighbour.*')}"
        )
        wait_until(partial(_counted, running, len(rejected)), "what is missing is counted")
        assert running.metric("otelcol_exporter_send_failed_metric_points_total") == 0


def _counted(running: Collector, points: int) -> bool:
    return running.metric(BISECTED, error="rejected") == points


def _deltas(name: str) -> Iterator[Json]:
    for value, start in ((1, -2), (2, -1)):
        point = number(asDouble=value, startTimeUnixNano=at(start), timeUnixNano=at(start + 1))
        yield request(counter(name, point, temporality=1))


def test_deltas_add_up_and_further_streams_are_dropped_and_counted(tmp_path: Path) -> None:
    port = free_port()
    given = {"PROMETHEUS_URL": f"http://127.0.0.1:{port}", "COLLECTOR_DELTA_STREAMS": "2"}
    with (
        stores.prometheus(tmp_path / "etc", port, {}) as api,
        collector.running(["base.yaml", "prometheus.yaml"], tmp_path, **given) as running,
    ):
        for name in ("r1", "r2", "r3"):
            for payload in _deltas(name):
                assert running.send("metrics", payload).status_code == 200
        for name in ("r1", "r2"):
            wait_until(partial(_has, api, f"{name}_total", "3"), "the deltas do not add up")
        assert running.metric("otelcol_deltatocumulative_datapoints_total", error="limit") == 2
        assert not _stored(api, "r3.*")
