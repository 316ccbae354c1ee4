"""The check of the database, on the real one: killed, crowded, read-only, silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from app.core.clock import SystemClock
from app.core.errors import DatabaseUnavailable
from app.infra.mongo import MOST_CONNECTIONS, Database
from app.monitoring.checks.mongodb import MongodbProbe
from app.monitoring.health_check import Status
from tests.app.monitoring.measured import by_name, server, wrong
from tests.backends import DatabaseServer
from tests.programs import wait


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with DatabaseServer(tmp_path_factory.mktemp("own-database")) as server:
        yield server


@contextmanager
def probing(
    url: str, *, seconds: float = 20, most: float = 0.9, limit: float = 120
) -> Iterator[tuple[Database, MongodbProbe]]:
    database = Database(url, seconds=seconds)
    try:
        yield database, MongodbProbe(database, SystemClock(), "lms-1-0", most_in_use=most, limit=limit)
    finally:
        database.close()


async def test_mongodb_is_measured(empty_mongodb_url: str) -> None:
    with probing(empty_mongodb_url) as (database, probe):
        first, second = by_name(await probe()), by_name(await probe())
        assert wrong(list(second.values())) == []
        assert first["responseTime"].value > 0  # type: ignore[operator]  # it is a number
        assert second["write"].unit == "ms"
        assert second["serverVersion"].value
        assert second["operationsWaiting"].value == 0
        [beat] = await database.collection("health").find({})
        assert beat["instance"] == "lms-1-0"


async def test_beats_are_bounded(empty_mongodb_url: str) -> None:
    with probing(empty_mongodb_url) as (database, _):
        for number in range(100):
            await MongodbProbe(database, SystemClock(), f"lms-{number}", most_in_use=0.9, limit=20)()
        assert len(await database.collection("health").find({})) <= 64


@contextmanager
def frozen(server: DatabaseServer) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


async def test_without_a_free_connection_the_check_fails_and_says_so(own_database: DatabaseServer) -> None:
    with probing(own_database.url, limit=0.2) as (database, probe):
        await database.ping()
        things = database.collection("things")
        with frozen(own_database):
            reads = [asyncio.create_task(things.find_one({})) for _ in range(MOST_CONNECTIONS + 10)]
            full = (MOST_CONNECTIONS, MOST_CONNECTIONS, 10)
            await wait(lambda: database.connections() == full, "all are in use, ten are awaited")
            measured = await probe()
        await asyncio.gather(*reads)
        await wait(lambda: database.connections().in_use == 0, "none is in use")
        assert wrong(await probe()) == []
    assert wrong(measured) == ["connectionsInUse"]
    in_use, waiting = by_name(measured)["connectionsInUse"], by_name(measured)["operationsWaiting"]
    assert (in_use.status, in_use.error) == (Status.FAIL, "TimeoutError")
    assert in_use.output == "50 of 50 connections are in use, 10 are awaited."
    assert in_use.advice is not None
    assert in_use.advice.startswith("Look for slow queries")
    assert waiting.value == 10


async def test_many_connections_in_use_are_a_warning(own_database: DatabaseServer) -> None:
    with probing(own_database.url, most=0.01) as (database, probe):
        await database.ping()
        with frozen(own_database):
            read = asyncio.create_task(database.collection("things").find_one({}))
            await wait(lambda: database.connections().in_use == 1, "one is in use")
            probed = asyncio.create_task(probe())
            await asyncio.sleep(0)  # the probe has counted; its ping may first have to connect
        measured = await probed
        await read
    assert wrong(measured) == ["connectionsInUse"]
    assert by_name(measured)["connectionsInUse"].status is Status.WARN


async def test_a_refused_login_is_advised_to_be_corrected(own_database: DatabaseServer) -> None:
    parts = urlsplit(own_database.url)
    refused = parts._replace(netloc=f"lms:wrong@{parts.hostname}:{parts.port}")
    with probing(urlunsplit(refused)) as (_, probe):
        [measured] = await probe()
    assert (measured.status, measured.error) == (Status.FAIL, "DatabaseRefused")
    assert measured.output == "The database rejects the platform: authentication failed."
    assert measured.advice is not None
    assert measured.advice.startswith("Correct the user and password in MONGODB_URL")


async def test_a_database_that_dies_is_unavailable(own_database: DatabaseServer) -> None:
    with probing(own_database.url, seconds=0.5) as (_, probe):
        own_database.crash()
        try:
            with pytest.raises(DatabaseUnavailable):
                await probe()
        finally:
            own_database.start()
        await probe()


async def test_a_refused_write_is_a_warning(empty_mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is too long is refused by the server, as any write to one that is read-only."""
    with probing(empty_mongodb_url) as (database, _):
        real = database.collection

        def refused(_name: str) -> Any:  # noqa: ANN401 - a collection
            return real("x" * 400)

        monkeypatch.setattr(database, "collection", refused)
        probe = MongodbProbe(database, SystemClock(), "lms-1-0", most_in_use=0.9, limit=20)
        measured = await probe()
        assert wrong(measured) == ["write"]
        assert by_name(measured)["write"].status is Status.WARN


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


async def test_a_database_that_accepts_and_says_nothing_is_unavailable() -> None:
    async with server(says_nothing) as port:
        hanging = probing(f"mongodb://127.0.0.1:{port}/lms", seconds=0.2)
        with hanging as (_, probe), pytest.raises(DatabaseUnavailable):
            await probe()
