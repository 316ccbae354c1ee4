"""The check of the database, on the real one: killed, crowded, read-only, silent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.core.clock import SystemClock
from app.core.errors import DatabaseUnavailable
from app.infra.mongo import Database, DatabaseFacts
from app.monitoring.checks import mongodb
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
def probing(url: str, *, seconds: float = 20, most: float = 0.9) -> Iterator[tuple[Database, MongodbProbe]]:
    database = Database(url, seconds=seconds)
    yield database, MongodbProbe(database, SystemClock(), "lms-1-0", most_in_use=most)
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
            await MongodbProbe(database, SystemClock(), f"lms-{number}", most_in_use=0.9)()
        assert len(await database.collection("health").find({})) <= 64


async def test_connections_in_use_and_those_who_wait_are_counted(
    own_database: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.infra.mongo.MOST_CONNECTIONS", 2)
    with probing(own_database.url) as (database, _):
        await database.ping()
        things = database.collection("things")
        own_database.freeze()
        try:
            reads = [asyncio.create_task(things.find_one({})) for _ in range(5)]
            await wait(lambda: database.connections() == (2, 2, 3), "two are in use, three are awaited")
        finally:
            own_database.thaw()
        await asyncio.gather(*reads)
        facts = await database.facts()
    crowded = DatabaseFacts(facts.version, in_use=2, most=2, waiting=3)
    measured = mongodb._connections(crowded, 0.9)
    assert wrong([measured]) == ["connectionsInUse"]
    assert measured.output == "2 of 2 connections are in use, 3 are awaited."


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
        probe = MongodbProbe(database, SystemClock(), "lms-1-0", most_in_use=0.9)
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
