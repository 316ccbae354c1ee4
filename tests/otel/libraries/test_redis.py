"""Redis telemetry against the real server: spans without keys, scripts, batches, pools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from otel.config.settings import TelemetryConfig
from otel.testing import Captured, capture_telemetry
from tests.backends import RedisServer
from tests.programs import free_port

SCRIPT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture(name="client")
async def _client(captured: Captured, empty_redis_url: str) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(empty_redis_url, decode_responses=True)
    with suppress_instrumentation():
        await client.script_flush()
    assert captured.spans == []
    yield client
    await client.aclose()


async def test_a_commands_span_has_neither_keys_nor_values(captured: Captured, client: Redis) -> None:
    with trace.get_tracer("tests").start_as_current_span("caller"):
        await client.set("token:hunter2", "hunter2", ex=5)

    caller, command = captured.spans
    assert (command.name, command.kind, command.parent_id) == ("SET", "CLIENT", caller.span_id)
    assert command.attributes["db.system.name"] == "redis"
    assert command.attributes["db.operation.name"] == "SET"
    assert command.attributes["db.query.text"] == "SET ? ? ? ?"
    assert command.attributes["db.namespace"] == "0"
    assert "hunter2" not in repr(captured.spans)
    labels = {"db.system.name": "redis", "db.operation.name": "SET"}
    assert captured.value("db.client.operation.duration", labels) == 1


async def test_the_first_call_of_a_script_is_not_an_error(captured: Captured, client: Redis) -> None:
    assert await client.register_script(SCRIPT)(keys=["n"]) == 1

    assert [span.name for span in captured.spans] == ["EVALSHA", "SCRIPT LOAD", "EVALSHA"]
    assert {span.status for span in captured.spans} == {"UNSET"}
    assert captured.spans[0].attributes["db.response.status_code"] == "NOSCRIPT"


async def test_a_loaded_script_is_called_once(captured: Captured, client: Redis) -> None:
    script = client.register_script(SCRIPT)
    with suppress_instrumentation():
        await client.script_load(script.script)
    assert await script(keys=["n"]) == 1

    [span] = captured.spans
    assert span.attributes["db.stored_procedure.name"] == script.sha
    assert "db.response.status_code" not in span.attributes


async def test_a_batch_is_one_span(captured: Captured, client: Redis) -> None:
    async with client.pipeline(transaction=True) as batch:
        batch.set("a", "hunter2")
        batch.get("a")
        assert await batch.execute() == [True, "hunter2"]

    [span] = captured.spans
    assert (span.name, span.attributes["db.operation.batch.size"]) == ("MULTI", 2)
    assert "hunter2" not in repr(captured.spans)


async def test_a_rejected_command_is_an_error(captured: Captured, client: Redis) -> None:
    await client.set("text", "abc")
    with pytest.raises(ResponseError):
        await client.incr("text")

    span = captured.spans[-1]
    assert (span.status, span.attributes["error.type"]) == ("ERROR", "ResponseError")
    assert captured.value("db.client.operation.duration", {"error.type": "ResponseError"}) == 1


async def test_a_dead_server_is_an_error(captured: Captured) -> None:
    client: Redis = Redis(port=free_port(), retry=Retry(NoBackoff(), 0))
    with pytest.raises(RedisConnectionError):
        await client.get("a")
    await client.aclose()

    [span] = captured.spans
    assert (span.name, span.status, span.attributes["error.type"]) == ("GET", "ERROR", "ConnectionError")


async def test_a_server_on_a_unix_socket_is_named_by_its_path(captured: Captured, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    try:
        async with Redis(unix_socket_path=str(server.socket), db=2) as client:
            await client.get("a")
    finally:
        server.stop()

    [span] = captured.spans
    assert span.attributes["server.address"] == str(server.socket)
    assert "server.port" not in span.attributes
    name = {"db.client.connection.pool.name": f"{server.socket}/2"}
    assert captured.value("db.client.connection.wait_time", name) == 1


async def test_the_pools_connections_are_counted(captured: Captured, client: Redis) -> None:
    await asyncio.gather(*(client.get("a") for _ in range(5)))

    state = "db.client.connection.state"
    assert captured.value("db.client.connection.count", {state: "idle"}) >= 1
    assert captured.value("db.client.connection.wait_time") >= 5


async def test_a_pool_is_forgotten_when_its_telemetry_shuts_down(empty_redis_url: str) -> None:
    async with Redis.from_url(empty_redis_url) as client:
        with capture_telemetry() as captured:
            await client.ping()
            assert "db.client.connection.count" in captured.metrics
        with capture_telemetry() as captured:
            assert "db.client.connection.count" not in captured.metrics
            await client.ping()
            assert "db.client.connection.count" in captured.metrics


@pytest.mark.parametrize("kind", [ConnectionPool, BlockingConnectionPool])
async def test_a_timeout_waiting_for_a_connection_is_counted(
    captured: Captured, empty_redis_url: str, kind: type[ConnectionPool]
) -> None:
    patience = {"timeout": 0.01} if kind is BlockingConnectionPool else {}
    pool = kind.from_url(empty_redis_url, max_connections=2, **patience)
    take: Callable[[], Awaitable[Any]] = pool.get_connection
    held = [await take() for _ in range(2)]
    with pytest.raises(RedisConnectionError):
        await take()
    name = {"db.client.connection.pool.name": empty_redis_url.removeprefix("redis://")}
    assert captured.value("db.client.connection.timeouts", name) == 1
    assert captured.value("db.client.connection.max", name) >= 2
    assert captured.value("db.client.connection.count", {**name, "db.client.connection.state": "used"}) >= 2
    for connection in held:
        await pool.release(connection)
    await pool.disconnect()


async def test_slow_commands_are_logged(empty_redis_url: str) -> None:
    config = TelemetryConfig(service_name="test", slow_query_ms=0, runtime_metrics=False, log_format="json")
    with capture_telemetry(config=config) as captured:
        async with Redis.from_url(empty_redis_url) as client:
            await client.get("hunter2")
        [record] = [each for each in captured.logs if each.attributes.get("db.operation.name") == "GET"]
    assert record.attributes["query_shape"] == "GET ?"
    assert "hunter2" not in repr(captured.logs)


async def test_the_client_is_restored_after_shutdown() -> None:
    before = (Redis.execute_command, Redis.from_url)
    with capture_telemetry():
        assert Redis.execute_command is not before[0]
    assert (Redis.execute_command, Redis.from_url) == before
