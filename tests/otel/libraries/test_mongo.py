"""MongoDB telemetry against the real database: spans under the request's, shapes without values, pools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pymongo
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from motor.motor_asyncio import AsyncIOMotorClient
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from pymongo.errors import DuplicateKeyError, OperationFailure, WaitQueueTimeoutError

import otel
from otel.config.settings import TelemetryConfig
from otel.libraries.mongo.commands import _RUNNING
from otel.libraries.mongo.shape import shape_of
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import request

Database = Any


@pytest.fixture(name="database")
async def _database(captured: Captured, empty_mongodb_url: str) -> AsyncIterator[Database]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(empty_mongodb_url)
    database = client.get_default_database()
    with suppress_instrumentation():
        await database.command("ping")
    assert captured.spans == []
    yield database
    client.close()


def spans(captured: Captured, operation: str) -> list[Any]:
    return [span for span in captured.spans if span.attributes.get("db.operation.name") == operation]


async def test_a_command_is_a_span_with_stable_names(captured: Captured, database: Database) -> None:
    await database.courses.insert_many(
        [{"_id": f"c{n}", "title": "hunter2", "level": n % 2} for n in range(5)]
    )
    found = await database.courses.find({"title": "hunter2", "level": {"$in": [0, 1]}}).to_list(10)

    [insert], [find] = spans(captured, "insert"), spans(captured, "find")
    assert len(found) == 5
    assert (find.name, find.kind, insert.name) == ("find courses", "CLIENT", "insert courses")
    assert find.attributes["db.system.name"] == "mongodb"
    assert find.attributes["db.namespace"] == database.name
    assert find.attributes["db.collection.name"] == "courses"
    assert find.attributes["db.query.text"] == '{"filter":{"title":?,"level":{"$in":?}}}'
    assert find.attributes["db.response.returned_rows"] == 5
    assert find.attributes["server.address"] == "127.0.0.1"
    assert "hunter2" not in repr(captured.spans)
    labels = {"db.system.name": "mongodb", "db.operation.name": "find", "db.collection.name": "courses"}
    assert captured.value("db.client.operation.duration", labels) == 1
    [rows] = [
        each
        for each in captured.metrics["db.client.response.returned_rows"]
        if labels.items() <= each.attributes.items()
    ]
    assert rows.total == 5


async def test_a_request_is_the_parent_of_its_commands(captured: Captured, database: Database) -> None:
    app = FastAPI()

    @app.get("/courses/{course_id}")
    async def read(course_id: str) -> list[object]:
        return list(
            await asyncio.gather(*(database.courses.find_one({"_id": f"{course_id}{n}"}) for n in range(3)))
        )

    otel.instrument(app)
    await asyncio.gather(*(request(app, f"/courses/c{n}") for n in range(4)))

    servers = {span.span_id: span.trace_id for span in captured.spans if span.kind == "SERVER"}
    finds = spans(captured, "find")
    assert (len(servers), len(finds)) == (4, 12)
    assert all(servers[span.parent_id] == span.trace_id for span in finds)
    assert _RUNNING.get() is None


async def test_the_commands_of_a_failed_request_are_breadcrumbs_of_its_report(
    captured: Captured, database: Database
) -> None:
    app = FastAPI()

    @app.get("/courses/{course_id}")
    async def fail(course_id: str) -> None:
        await database.courses.find_one({"_id": course_id, "secret": "hunter2"})
        raise LookupError(course_id)

    otel.instrument(app, render_error=otel.render_problem)
    await request(app, "/courses/c1")

    [event] = captured.errors
    steps = [(step["category"], step["message"]) for step in event["breadcrumbs"]["values"]]
    assert steps == [("mongodb", "find courses")]
    assert "hunter2" not in json.dumps(event, default=str)


async def test_a_rejected_command_is_an_error_span(captured: Captured, database: Database) -> None:
    with pytest.raises(OperationFailure):
        await database.command("noSuchCommand")

    [span] = spans(captured, "noSuchCommand")
    assert span.status == "ERROR"
    assert span.attributes["error.type"] == "CommandNotFound"
    assert span.attributes["db.response.status_code"] == "59"
    assert captured.value("db.client.operation.duration", {"error.type": "CommandNotFound"}) == 1


async def test_a_duplicate_key_is_not_a_database_error(captured: Captured, database: Database) -> None:
    await database.courses.insert_one({"_id": "c1"})
    with pytest.raises(DuplicateKeyError):
        await database.courses.insert_one({"_id": "c1"})

    first, second = spans(captured, "insert")
    assert (first.status, second.status) == ("UNSET", "UNSET")
    assert second.attributes["db.response.status_code"] == "11000"


async def test_the_pools_connections_are_counted(captured: Captured, database: Database) -> None:
    await asyncio.gather(*(database.courses.find_one({"_id": str(n)}) for n in range(10)))

    state = "db.client.connection.state"
    assert captured.value("db.client.connection.count", {state: "idle"}) >= 1
    assert captured.value("db.client.connection.count", {state: "used"}) == 0
    assert captured.value("db.client.connection.wait_time") >= 10
    assert captured.value("db.client.connection.create_time") >= 1


async def test_a_timeout_waiting_for_a_connection_is_counted(
    captured: Captured, empty_mongodb_url: str
) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        empty_mongodb_url, maxPoolSize=1, waitQueueTimeoutMS=1, retryReads=False
    )
    courses = client.get_default_database()["courses"]
    await courses.find_one({})
    refused: list[BaseException] = []
    while not refused:  # until two queries overlap; there is only one connection
        answers = await asyncio.gather(*(courses.find_one({}) for _ in range(30)), return_exceptions=True)
        refused = [each for each in answers if isinstance(each, BaseException)]
    client.close()

    assert {type(each) for each in refused} == {WaitQueueTimeoutError}
    host = urlsplit(empty_mongodb_url).netloc.rpartition("@")[2]
    name = {"db.client.connection.pool.name": host}
    assert captured.value("db.client.connection.timeouts", name) == len(refused)


async def test_the_limit_is_the_sum_of_the_open_pools(captured: Captured, empty_mongodb_url: str) -> None:
    before = captured.value("db.client.connection.max")
    for _ in range(2):
        with pymongo.MongoClient[dict[str, Any]](empty_mongodb_url, maxPoolSize=7) as client:
            client.get_default_database().command("ping")
            assert captured.value("db.client.connection.max") == before + 7
    assert captured.value("db.client.connection.max") == before


async def test_a_suppressed_command_leaves_no_telemetry(captured: Captured, database: Database) -> None:
    with suppress_instrumentation():
        await database.courses.find_one({"_id": "c1"})

    assert captured.spans == []
    assert captured.value("db.client.operation.duration") == 0


def test_slow_commands_are_logged_with_their_shape(empty_mongodb_url: str) -> None:
    config = TelemetryConfig(service_name="test", slow_query_ms=0, runtime_metrics=False, log_format="json")
    with capture_telemetry(config=config) as captured:
        with pymongo.MongoClient[dict[str, Any]](empty_mongodb_url) as client:
            courses = client.get_default_database()["courses"]
            with trace.get_tracer("tests").start_as_current_span("caller"):
                courses.find_one({"_id": "secret-a"})
            courses.find_one({"_id": "secret-b"})
            courses.find_one({"title": "secret-c"})
        slow = [
            record
            for record in captured.logs
            if record.body == "slow_query" and record.attributes["db.operation.name"] == "find"
        ]
        find = spans(captured, "find")[0]

    assert len(slow) == 3
    hashes = [record.attributes["query_hash"] for record in slow]
    assert (hashes[0] == hashes[1], hashes[1] == hashes[2]) == (True, False)
    assert slow[0].attributes["query_shape"] == '{"filter":{"_id":?}}'
    assert (slow[0].trace_id, slow[0].span_id) == (find.trace_id, find.span_id)
    assert "secret-" not in json.dumps(captured.lines)


def test_commands_below_the_threshold_are_not_logged(empty_mongodb_url: str) -> None:
    config = TelemetryConfig(service_name="test", slow_query_ms=600_000, runtime_metrics=False)
    with capture_telemetry(config=config) as captured:
        with pymongo.MongoClient[dict[str, Any]](empty_mongodb_url) as client:
            client.get_default_database()["courses"].find_one({"_id": "c1"})
        assert len(spans(captured, "find")) == 1
        assert "slow_query" not in [record.body for record in captured.logs]


def test_a_client_is_not_observed_after_shutdown(empty_mongodb_url: str) -> None:
    with capture_telemetry(), pymongo.MongoClient[dict[str, Any]](empty_mongodb_url) as client:
        database = client.get_default_database()
        database.command("ping")
    with capture_telemetry() as captured, pymongo.MongoClient[dict[str, Any]](empty_mongodb_url) as client:
        client.get_default_database().command("ping")
        assert len(spans(captured, "ping")) == 1


@pytest.mark.parametrize(
    ("command", "shape"),
    [
        pytest.param({"find": "c", "filter": {"a": 1, "b": [1, 2]}}, '{"filter":{"a":?,"b":?}}', id="find"),
        pytest.param(
            {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"x.lesson-3": 1}}}, {"q": {}}]},
            '{"updates":[{"q":{"_id":?},"u":{"$set":{"x.?":?}}}]}',
            id="update, first statement, names with digits",
        ),
        pytest.param(
            {"aggregate": "c", "pipeline": [{"$match": {"a": "x"}}, {"$group": {"_id": "$b"}}]},
            '{"pipeline":[{"$match":{"a":?}},{"$group":{"_id":?}}]}',
            id="aggregate",
        ),
        pytest.param({"insert": "c", "documents": [{"name": "Ada"}]}, "{}", id="insert shows no document"),
        pytest.param(
            {"find": "c", "filter": {"$or": [{"a": 1}, {"b": {"$gt": 2}}]}, "sort": {"t": -1}},
            '{"filter":{"$or":[{"a":?},{"b":{"$gt":?}}]},"sort":{"t":?}}',
            id="or",
        ),
    ],
)  # fmt: skip
def test_a_shape_has_no_values(command: dict[str, Any], shape: str) -> None:
    assert shape_of(command) == shape


values = st.recursive(
    st.none() | st.integers() | st.just("hunter2"),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "$in", "b"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(values)
def test_no_filters_values_are_in_its_shape(value: object) -> None:
    shape = shape_of({"find": "c", "filter": {"field": value}})
    assert "hunter2" not in shape
    assert len(shape) <= 1024
