"""The platform with real stores: what the monitoring API asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Protocol

import pytest

from app.core.clock import SystemClock
from app.core.telemetry import LMS_METRICS
from otel.config.settings import TelemetryConfig
from otel.testing import Captured, capture_telemetry
from tests.app.conftest import make_settings, serving
from tests.app.infra.stores.conftest import PASSWORD, run_alertmanager
from tests.app.people import Api
from tests.collector_config import stores

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}


class Serve(Protocol):
    """Serves the platform with these settings."""

    def __call__(self, **changes: object) -> AbstractAsyncContextManager[Api]: ...


@pytest.fixture
def remembering() -> Iterator[Captured]:
    """Telemetry that remembers its last records, as the platform's does."""
    config = TelemetryConfig(
        service_name="lms", runtime_metrics=False, log_format="json", recent_records=1000, log_burst=0
    )
    with capture_telemetry(LMS_METRICS, config=config) as captured:
        yield captured


@pytest.fixture
def serve(empty_mongodb_url: str, empty_redis_url: str, remembering: Captured) -> Serve:
    """Serves the platform, on the machine's clock: what the stores have is of today."""

    @asynccontextmanager
    async def served(**changes: object) -> AsyncIterator[Api]:
        settings = make_settings(empty_mongodb_url, empty_redis_url, **changes)
        async with serving(settings, remembering, SystemClock()) as api:
            yield api

    return served


@pytest.fixture(scope="package")
def victorialogs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A VictoriaLogs without a password."""
    with stores.victorialogs(tmp_path_factory.mktemp("victorialogs")) as url:
        yield url


@pytest.fixture(scope="package", name="alertmanager")
def _alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with contextmanager(run_alertmanager)(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


@pytest.fixture(name="asking")
def _asking(alertmanager: str) -> dict[str, object]:
    """The settings that lead to Alertmanager."""
    return {"alertmanager_url": alertmanager, "stores_password": PASSWORD, "stores_seconds": 20}
