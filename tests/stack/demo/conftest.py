"""Fixtures used by several files: the platform that learners use."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator

import pymongo
import pytest

from tests.backends import with_database
from tests.programs import Program, free_port
from tests.stack.demo.running_platform import ADMIN, SEED, Platform, answers, demo


@pytest.fixture(name="platform", scope="package")
def _platform(
    mongodb_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """The real platform with a real database and cache, started once."""
    port = free_port()
    database = with_database(mongodb_url, f"demo_{secrets.token_hex(4)}")
    environment = {
        **ADMIN,
        "LMS_PORT": str(port),
        "LMS_JWT_SECRET": secrets.token_hex(32),
        "LMS_CERTIFICATE_KEY": SEED,
        "LMS_METRICS_TOKEN": secrets.token_hex(16),
        "LMS_ALERTS_TOKEN": secrets.token_hex(16),
        "LMS_ARGON2_MEMORY_KIB": "7168",
        "LMS_ARGON2_TIME_COST": "2",
        "LMS_DEMO_FAILURE_RATIO": "0.5",
        "MONGODB_URL": database,
        "REDIS_URL": redis_url,
        "OTEL_SDK_DISABLED": "true",
    }
    folder = tmp_path_factory.mktemp("platform")
    program = Program([sys.executable, "-m", "app"], folder / "app.log", environment)
    url = f"http://127.0.0.1:{port}"
    try:
        program.ready(lambda: answers(f"{url}/readyz"))
        first, second = demo(url, "catalogue"), demo(url, "catalogue")
        yield Platform(url, database, first.stdout + first.stderr, second.stdout + second.stderr)
    finally:
        program.stop()
    with pymongo.MongoClient[dict[str, object]](database) as client:
        client.drop_database(client.get_default_database().name)
