from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import otel
from otel.catalogue import Catalogue
from otel.config import TelemetryConfig
from otel.telemetry import Telemetry
from otel.testing import Captured, capture_telemetry

Configure = Callable[..., Telemetry]


@pytest.fixture(name="configure")
def _configure() -> Iterator[Configure]:
    """Configures telemetry from the given variables, and ends it with the test."""
    running: list[Telemetry] = []

    def configure(*catalogues: Catalogue, **environ: str) -> Telemetry:
        quick = {"OTEL_METRIC_EXPORT_INTERVAL": "60000", "TELEMETRY_RUNTIME_METRICS": "off"}
        config = TelemetryConfig.from_env({"OTEL_SERVICE_NAME": "test", **quick, **environ})
        running.append(otel.configure(config, catalogue=catalogues))
        return running[-1]

    yield configure
    for telemetry in running:
        telemetry.shutdown(1)


@pytest.fixture(name="captured")
def _captured() -> Iterator[Captured]:
    """Telemetry that is kept in memory for this test."""
    with capture_telemetry() as captured:
        yield captured
