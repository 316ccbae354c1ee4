"""A request that sends one query again and again is found; one that does not is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from motor.motor_asyncio import AsyncIOMotorClient
from opentelemetry.instrumentation.utils import suppress_instrumentation

import otel
from otel.config.settings import TelemetryConfig
from otel.libraries import query_table
from otel.libraries.query_table import QueryShape, QueryTable
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import request

Database = Any
MOST = 10
METRIC = "db.client.repeated_queries"


@pytest.fixture(name="captured", params=["always_on", "always_off"])
def _captured(request: pytest.FixtureRequest) -> Iterator[Captured]:
    """Telemetry with and without spans: counting must not depend on them."""
    config = TelemetryConfig.from_env(
        {
            "OTEL_SERVICE_NAME": "test",
            "TELEMETRY_RUNTIME_METRICS": "off",
            "OTEL_TRACES_SAMPLER": request.param,
        }
    )
    with capture_telemetry(config=config) as captured:
        yield captured


@pytest.fixture(name="database")
async def _database(captured: Captured, empty_mongodb_url: str) -> AsyncIterator[Database]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(empty_mongodb_url)
    database = client.get_default_database()
    with suppress_instrumentation():
        await database.command("ping")
        await database.courses.insert_many([{"_id": f"c{n}"} for n in range(400)])
    yield database
    client.close()
    assert captured.errors == []


def app_of(database: Database) -> FastAPI:
    app = FastAPI()

    @app.get("/loop/{times}")
    async def loop(times: int) -> None:
        for number in range(times):
            await database.courses.find_one({"_id": f"secret{number}"})

    @app.get("/at-once/{times}")
    async def at_once(times: int) -> None:
        await asyncio.gather(*(database.courses.find_one({"_id": f"c{number}"}) for number in range(times)))

    @app.get("/two-shapes/{times}")
    async def two_shapes(times: int) -> None:
        for number in range(times):
            await database.courses.find_one({"_id": f"c{number}"})
            await database.courses.find_one({"title": number})

    @app.get("/many-shapes")
    async def many_shapes() -> None:
        for letter in "abcdefghijklmnopqrstuvwxyz":
            await database.courses.find_one({letter: 1})

    @app.get("/one-cursor")
    async def one_cursor() -> None:
        assert len(await database.courses.find({}, batch_size=10).to_list(None)) == 400

    otel.instrument(app)
    return app


def lines(captured: Captured) -> list[dict[str, Any]]:
    return [dict(record.attributes) for record in captured.logs if record.body == "repeated_queries"]


@pytest.mark.parametrize("path", ["loop", "at-once"])
async def test_a_repeated_query_is_reported_once_a_request(
    captured: Captured, database: Database, path: str
) -> None:
    app = app_of(database)
    await request(app, f"/{path}/{MOST}")
    assert lines(captured) == []
    await request(app, f"/{path}/{MOST + 1}")
    await request(app, f"/{path}/30")

    first, second = lines(captured)
    assert (first["count"], second["count"]) == (MOST + 1, 30)
    assert first["http.route"] == f"/{path}/{{times}}"
    assert first["query_shape"].startswith('{"filter":{"_id":?}')
    assert (first["db.operation.name"], first["db.collection.name"]) == ("find", "courses")
    assert first["query_hash"] == second["query_hash"]
    labels = {"http.route": f"/{path}/{{times}}", "db.collection.name": "courses"}
    [series] = captured.metrics[METRIC]
    assert labels.items() <= series.attributes.items()
    assert (series.value, series.total) == (2, MOST + 31)
    assert "secret" not in repr(lines(captured))

    [row] = captured.telemetry.repeated_queries()
    assert (row.times, row.total, row.largest) == (2, MOST + 31, 30)
    assert (row.route, row.query.query_hash) == (f"/{path}/{{times}}", first["query_hash"])
    assert row.query.collection == "courses"
    assert row.trace_id is not None


async def test_one_line_names_the_most_frequent_shape(captured: Captured, database: Database) -> None:
    await request(app_of(database), "/two-shapes/20")
    [line] = lines(captured)
    assert line["repeated_shapes"] == 2
    assert 18 <= line["count"] <= 20  # of several shapes of a kind, the first two queries are not counted
    assert len(captured.telemetry.repeated_queries()) == 2


async def test_different_queries_and_parts_of_one_are_no_repetition(
    captured: Captured, database: Database
) -> None:
    app = app_of(database)
    await request(app, "/many-shapes")
    await request(app, "/one-cursor")
    for number in range(30):
        await database.courses.find_one({"_id": number})  # outside of a request
    assert lines(captured) == []
    assert captured.telemetry.repeated_queries() == []


@pytest.mark.parametrize(("most", "reported"), [("0", False), ("1", True), ("4", True), ("5", False)])
async def test_the_limit_is_a_setting(empty_mongodb_url: str, most: str, *, reported: bool) -> None:
    config = TelemetryConfig.from_env(
        {"OTEL_SERVICE_NAME": "test", "TELEMETRY_RUNTIME_METRICS": "off", "TELEMETRY_REPEATED_QUERIES": most}
    )
    with capture_telemetry(config=config) as captured:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(empty_mongodb_url)
        await request(app_of(client.get_default_database()), "/loop/5")
        client.close()
        assert [line["count"] for line in lines(captured)] == ([5] if reported else [])


def shape(number: int) -> QueryShape:
    return QueryShape("mongodb", "find", "courses", f"shape {number}", f"{number:x}")


def test_the_table_keeps_the_costliest() -> None:
    table = QueryTable()
    for number in range(query_table.MOST_ROWS):
        table.add(shape(number), number + 1)
    for number in range(1000, 2000):
        table.add(shape(number), 0.5)
    rows = table.rows()
    assert len(rows) == query_table.MOST_ROWS
    assert [row.total for row in rows[:3]] == [query_table.MOST_ROWS - back for back in range(3)]
    table.add(shape(7), 1000)
    first = table.rows()[0]
    assert (first.times, first.total, first.largest) == (2, 1008, 1000)


async def test_slow_queries_are_kept_by_shape(empty_mongodb_url: str) -> None:
    config = TelemetryConfig(service_name="test", runtime_metrics=False, log_format="json", slow_query_ms=0)
    with capture_telemetry(config=config) as captured:
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(empty_mongodb_url)
        app = app_of(client.get_default_database())
        for times in (1, 3):
            await request(app, f"/loop/{times}")
        client.close()
        [row] = [each for each in captured.telemetry.slow_queries() if each.query.operation == "find"]
        logged = [record.attributes for record in captured.logs if record.body == "slow_query"]
        finds = [each for each in logged if each["db.operation.name"] == "find"]
        assert row.times == len(finds) == 4
        assert row.total * 1000 == pytest.approx(sum(each["duration_ms"] for each in finds), abs=0.01)
        assert row.largest * 1000 == pytest.approx(max(each["duration_ms"] for each in finds), abs=0.01)
        assert {each["query_hash"] for each in finds} == {row.query.query_hash}
        assert row.route == "/loop/{times}"
        assert row.trace_id == captured.spans[-1].trace_id
