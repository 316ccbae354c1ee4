"""The objectives on what a running platform sends: every event is counted, and every bucket is found."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from stack.alerting import slos
from tests.app import served
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.collector_config import stores
from tests.programs import free_port, wait_until

ELSEWHERE = {"telemetry-freshness": "the canary's, which the platform does not run"}
SENT = {
    "api-availability": 4,
    "api-latency": 4,
    "login-availability": 2,
    "login-latency": 2,
    "verification-availability": 1,
    "verification-latency": 1,
}


def _values(prometheus: httpx.Client, query: str) -> dict[str, float]:
    answer = prometheus.get("/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", answer
    return {each["metric"]["slo"]: float(each["value"][1]) for each in answer["data"]["result"]}


def _ask(url: str) -> None:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        for password, status in ((ADMIN_PASSWORD, 200), ("a wrong password", 401)):
            body = {"email": ADMIN_EMAIL, "password": password}
            assert client.post("/auth/login", json=body).status_code == status
        assert client.get("/courses").status_code == 200
        assert client.post("/certificates/verification", json={"token": "a.b.c"}).status_code == 200


def test_a_platforms_requests_are_the_events_of_the_objectives(
    tmp_path: Path, mongodb_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(served.QUIET, "OTEL_METRICS_EXPORTER", "otlp")
    port = free_port()
    environment = {
        "OTEL_SERVICE_NAME": "lms",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}/api/v1/otlp",
    }
    folder = tmp_path / "platform"
    folder.mkdir()
    measured = {slo.name for slo in slos.load()} - set(ELSEWHERE)
    with (
        stores.prometheus(tmp_path / "prometheus", port, {}) as prometheus,
        served.served_platform(folder, mongodb_url, redis_url, environment) as (_, url, _log),
    ):
        _ask(url)
        events, failures = "instance:slo_events:total", "instance:slo_failures:total"
        wanted = dict.fromkeys(measured, 0.0) | SENT
        wait_until(
            lambda: _values(prometheus, events) == wanted, lambda: f"events: {_values(prometheus, events)}"
        )
        # Absent if the histogram lacked the objective's bucket.
        wait_until(
            lambda: set(_values(prometheus, failures)) == measured,
            lambda: f"failures: {_values(prometheus, failures)}",
        )
        bad = {name: count for name, count in _values(prometheus, failures).items() if "latency" not in name}
        assert set(bad.values()) == {0.0}
