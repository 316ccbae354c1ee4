from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator

import pytest

import otel
from otel.config.settings import TelemetryConfig
from otel.logs.logger import configure_logging
from otel.metrics.catalogue import Catalogue
from otel.redaction.engine import Redactor
from otel.telemetry import Telemetry
from otel.testing import Captured, capture_telemetry

Configure = Callable[..., Telemetry]


@pytest.fixture(name="configure")
def _configure() -> Iterator[Configure]:
    """Configures telemetry from the given variables, and shuts it down after the test."""
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


RESOURCE = {
    "service.name": "lms",
    "service.version": "1.2",
    "deployment.environment.name": "north",
    "host.name": "somewhere",
}


class Lines:
    """A stream and the log entries written to it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def entries(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


Log = Callable[..., Lines]


@pytest.fixture(name="log_to")
def _log_to() -> Iterator[Log]:
    """Configures logging to a stream of its own, and restores it after the test."""
    undos: list[Callable[[], None]] = []

    def log_to(**settings: object) -> Lines:
        lines = Lines()
        config = TelemetryConfig(**{"log_format": "json", **settings})  # type: ignore[arg-type]  # checked by its own tests
        undos.append(
            configure_logging(
                config, logger_provider=None, redactor=Redactor(), resource=RESOURCE, stream=lines.stream
            )
        )
        return lines

    yield log_to
    for undo in undos:
        undo()
