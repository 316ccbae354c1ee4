"""Each dependency is killed in turn: status, recommendation and recovery, as operators see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.monitoring.health_check import RUNBOOKS, Status
from otel.testing import Captured
from stack.settings import REPOSITORY
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.healths import checks_of, health_of, until
from tests.app.people import Api
from tests.backends import DatabaseServer, RedisServer
from tests.programs import free_port, wait

QUICK = {"health_seconds": 0.2, "health_slow_seconds": 0.2, "health_limit_seconds": 5, "redis_seconds": 0.5}


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with DatabaseServer(tmp_path_factory.mktemp("own-database")) as server:
        yield server


class Port:
    """Something that listens on a port, for a while."""

    def __init__(self) -> None:
        self.number = free_port()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", self.number)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    opened = Port()
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def quick(
    own_database: DatabaseServer,
    own_redis: RedisServer,
    port: Port,
    tmp_path: Path,
    telemetry: Captured,
    clock: FixedClock,
) -> AsyncIterator[Api]:
    """The platform on servers that the test may kill, all of whose checks run often."""
    folder = tmp_path / "disk"
    folder.mkdir()
    facts: dict[str, Any] = {
        **QUICK,
        "database_seconds": 1,
        "health_folder": folder,
        "health_external": f"warehouse=tcp://127.0.0.1:{port.number}",
    }
    settings = make_settings(own_database.url, own_redis.url, **facts)
    async with serving(settings, telemetry, clock) as api:
        await wait(lambda: not checks_of(api).report().unchecked, "every check has run")
        for name in ("mongodb", "redis", "lms_function", "file_system", "warehouse"):
            await until(api, Status.PASS, name)
        yield api


def said(told: dict[str, Any], check: str) -> dict[str, Any]:
    """Returns the verdict of a failing check; it says since when, what to do and where that is explained."""
    component: dict[str, Any] = told["components"][check]
    assert component["recommendation"]
    assert runbook_exists(component["runbook"])
    assert component["lastError"]["type"]
    assert component["lastSuccess"] <= component["since"] <= component["checkedAt"]
    return component


def runbook_exists(runbook: str) -> bool:
    """Tells whether the page has a heading that this link leads to, as GitHub makes them."""
    page, _, anchor = runbook.partition("#")
    lines = (REPOSITORY / page).read_text().splitlines()
    return anchor in {line.lstrip("# ").lower().replace(" ", "-") for line in lines if line.startswith("#")}


async def test_redis_dies_and_recovers(quick: Api, own_redis: RedisServer) -> None:
    own_redis.stop()
    told = await until(quick, Status.FAIL, "redis")
    assert told["status"] == "warn"
    redis = said(told, "redis")
    assert redis["recommendation"].startswith("Start Redis again")
    assert (await quick.client.get("http://lms.test/readyz")).status_code == 200
    own_redis.start()
    recovered = await until(quick, Status.PASS, "redis")
    assert "recommendation" not in recovered["components"]["redis"]


async def test_the_database_dies_and_recovers(
    quick: Api, own_database: DatabaseServer, telemetry: Captured
) -> None:
    own_database.freeze()
    try:
        told = await until(quick, Status.FAIL)
        assert told["decidedBy"] == "mongodb"
        assert told["recommendation"] == said(told, "mongodb")["recommendation"]
        assert told["recommendation"].startswith("Restart the database")
        for path, status in (("readyz", 503), ("livez", 200), ("startupz", 200)):
            assert (await quick.client.get(f"http://lms.test/{path}")).status_code == status
        bare = await quick.client.get("/monitoring/health")
        assert (bare.status_code, bare.json()) == (503, {"status": "fail"})
    finally:
        own_database.thaw()
    await until(quick, Status.PASS, "mongodb")
    assert (await quick.client.get("http://lms.test/readyz")).status_code == 200
    await until(quick, Status.PASS, "lms_function")
    changes = [log.attributes for log in telemetry.logs if log.body == "health_changed"]
    of_database = [each["status"] for each in changes if each["check"] == "mongodb"]
    assert of_database == ["fail", "pass"]


async def test_the_disk_goes_and_comes_back(quick: Api, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.rename(tmp_path / "gone")
    told = await until(quick, Status.FAIL, "file_system")
    assert said(told, "file_system")["lastError"]["type"] == "FileNotFoundError"
    (tmp_path / "gone").rename(folder)
    await until(quick, Status.PASS, "file_system")


async def test_another_service_dies_and_recovers(quick: Api, port: Port) -> None:
    await port.close()
    told = await until(quick, Status.FAIL, "warehouse")
    warehouse = said(told, "warehouse")
    assert warehouse["lastError"]["type"] == "ConnectionRefusedError"
    assert warehouse["runbook"] == f"{RUNBOOKS}#external-dependencies"
    assert f"127.0.0.1:{port.number}" in warehouse["recommendation"]
    assert told["status"] == "warn"
    await port.open()
    await until(quick, Status.PASS, "warehouse")


async def test_every_check_has_a_runbook(quick: Api) -> None:
    told = await health_of(quick)
    assert {"mongodb", "redis", "rate_limiter", "lms_function", "telemetry", "file_system", "system"} <= set(
        told["components"]
    )
    for state in checks_of(quick)._states:
        assert runbook_exists(state.check.runbook), state.check.runbook
