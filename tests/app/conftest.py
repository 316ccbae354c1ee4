from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.core.clock import Clock
from app.core.settings import Settings
from app.core.telemetry import LMS_METRICS
from app.lms.services import Services
from app.main import create_app
from otel.testing import Captured, capture_telemetry
from tests.app.fixed_clock import FixedClock
from tests.app.people import ADMIN_PASSWORD, Api
from tests.backends import RedisServer

GENEROUS = Path(__file__).parent / "generous-rate-limits.yml"
SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"  # RFC 8032, 7.1, test 1

# A busy test machine with a full disk is not an unhealthy platform.
PATIENT = {
    "health_slow_seconds": 3600,
    "health_limit_seconds": 20,
    "health_max_cpu": 1,
    "health_max_load": 10_000,
    "health_max_memory": 1,
    "health_max_swap": 1,
    "health_max_lag_seconds": 600,
    "health_min_disk": 0.000001,
    "health_min_disk_hours": 0,
}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def settings(empty_mongodb_url: str, empty_redis_url: str) -> Settings:
    return make_settings(empty_mongodb_url, empty_redis_url)


def make_settings(mongodb_url: str, redis_url: str, **changes: object) -> Settings:
    """Returns settings for tests: argon2 at the least that the settings allow."""
    values: dict[str, object] = {
        "mongodb_url": mongodb_url,
        "redis_url": redis_url,
        "jwt_secret": "a secret of the tests, 32 bytes or more",
        "certificate_key": SEED,
        "admin_password": ADMIN_PASSWORD,
        "metrics_token": "metrics-token-of-the-tests",
        "alerts_token": "alerts-token-of-the-tests",
        "database_seconds": 20,  # a busy test machine is not an outage
        "redis_seconds": 10,
        "rate_limit_redis_seconds": 10,
        "rate_limits": GENEROUS,
        **PATIENT,
        "argon2_memory_kib": 7168,
        "argon2_time_cost": 2,
        **changes,
    }
    return Settings.model_validate(values)


@pytest.fixture
def telemetry() -> Iterator[Captured]:
    with capture_telemetry(LMS_METRICS) as captured:
        yield captured


@asynccontextmanager
async def serving(settings: Settings, telemetry: Captured, clock: Clock) -> AsyncIterator[Api]:
    """Serves the platform with these settings, in this process."""
    app = create_app(settings, telemetry.telemetry, clock)
    async with app.router.lifespan_context(app):
        # An unhandled error is answered, as a real server does; the test sees the answer.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://lms.test/api/v1") as client:
            yield Api(client, app)


@pytest.fixture
async def api(settings: Settings, telemetry: Captured, clock: FixedClock) -> AsyncIterator[Api]:
    async with serving(settings, telemetry, clock) as served:
        yield served


@pytest.fixture
def services(api: Api) -> Services:
    found: Services = api.app.state.services
    return found


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server that this test may stop."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()
