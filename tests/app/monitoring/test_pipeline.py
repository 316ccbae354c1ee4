"""The process itself reports what happened to its telemetry, when nobody else can know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import otel
from app.core.settings import Settings
from app.core.telemetry import LMS_METRICS
from app.main import create_app
from tests.app.fixed_clock import FixedClock
from tests.programs import free_port, wait_until

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}


@pytest.fixture(name="cut_off")
def _cut_off() -> Iterator[otel.Telemetry]:
    """Telemetry whose Collector and error tracker do not exist."""
    nowhere = f"127.0.0.1:{free_port()}"
    config = otel.TelemetryConfig.from_env(
        {
            "OTEL_SERVICE_NAME": "lms",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{nowhere}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "100",
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_BLRP_SCHEDULE_DELAY": "10",
            "OTEL_METRIC_EXPORT_INTERVAL": "100",
            "SENTRY_DSN": f"http://public@{nowhere}/1",
            "TELEMETRY_RUNTIME_METRICS": "off",
        }
    )
    telemetry = otel.configure(config, catalogue=LMS_METRICS)
    yield telemetry
    telemetry.shutdown(0.5)


def all_lose(telemetry: otel.Telemetry) -> bool:
    return all("export_failed" in account["dropped"] for account in telemetry.accounting().values())


async def test_losses_are_reported_while_the_collector_is_down(
    settings: Settings, clock: FixedClock, cut_off: otel.Telemetry
) -> None:
    app = create_app(settings, cut_off, clock)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://lms.test/api/v1") as client,
    ):
        await client.get("/courses")
        await client.get("/courses")
        wait_until(lambda: all_lose(cut_off), "every signal has lost something")
        told: dict[str, Any] = (await client.get("/monitoring/telemetry", headers=TOKEN)).json()
        shown = (await client.get("/monitoring/metrics", headers=TOKEN)).text
        screen: dict[str, Any] = (await client.get("/monitoring/system-status", headers=TOKEN)).json()

    assert told["instance"] == cut_off.instance
    for account in told["signals"].values():
        assert account["dropped"]["export_failed"] > 0
        dropped = sum(account["dropped"].values())
        assert account["produced"] == account["exported"] + dropped + account["pending"]
    assert set(screen["telemetry"]) == set(told["signals"])
    for name, loss in screen["telemetry"].items():
        assert loss["dropped"] >= sum(told["signals"][name]["dropped"].values()) > 0
        assert loss["loss_ratio"] == round(loss["dropped"] / loss["produced"], 6)
    assert told["limiter"]["breaker"] == "closed"
    assert 'otel_sdk_exporter_span_exported_total{error_type="' in shown
