"""Redis instrumentation: spans and metrics around the two calls that every asyncio command goes through.

Chosen over contrib's package (old names, no metrics, an ERROR span for the first EVALSHA of a server) and
over redis-py's own metrics (no spans; about 20 µs per command through the SDK's instruments).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final
from weakref import WeakSet

from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.metrics import Observation
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from redis.asyncio.client import Pipeline, Redis
from redis.asyncio.connection import BlockingConnectionPool, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError, NoScriptError

from otel.config.settings import TelemetryConfig
from otel.context import note
from otel.foreign.guard import harmless
from otel.foreign.names import type_name
from otel.foreign.values import text_of
from otel.libraries.database_metrics import (
    CONNECTION_TIMEOUTS,
    CONNECTION_WAIT,
    CONNECTIONS,
    CONNECTIONS_MAX,
    DB_METRICS,
    OPERATION_DURATION,
    REDIS,
)
from otel.libraries.slow_query import log_slow

_SCRIPT_CALLS: Final = frozenset({"EVALSHA", "EVALSHA_RO"})
_MOST_MARKS: Final = 10
_LONGEST_PART: Final = 100
_Call = Callable[[], Awaitable[Any]]
_pools: WeakSet[ConnectionPool] = (
    WeakSet()
)  # those that handed out a connection since telemetry was configured


class _Telemetry:
    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._tracer = trace.get_tracer("otel.redis")

    async def measure(
        self, client: Redis, operation: str, text: str, details: dict[str, Any], call: _Call
    ) -> Any:  # noqa: ANN401 - whatever Redis returns
        """Runs `call()` in a CLIENT span and measures it."""
        span = self._tracer.start_span(operation, kind=SpanKind.CLIENT)
        if span.is_recording():
            _describe(span, client, operation, text, details)
        error_type: str | None = None
        started = time.perf_counter()
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                return await call()
        except Exception as error:
            error_type = _record_error(span, error)
            raise
        finally:
            self._finish(span, operation, text, time.perf_counter() - started, error_type)

    @harmless
    def _finish(self, span: Span, operation: str, text: str, seconds: float, error_type: str | None) -> None:
        labels = {"db.system.name": REDIS, "db.operation.name": operation}
        if error_type is not None:
            labels["error.type"] = error_type
        OPERATION_DURATION.record(seconds, labels, trace.set_span_in_context(span))
        note(REDIS, text, "error" if error_type else "info")
        if seconds >= self._slow_seconds:
            with trace.use_span(span):
                log_slow(REDIS, operation, None, seconds, text, None)
        span.end()


def instrument(config: TelemetryConfig) -> Callable[[], None]:
    """Measures every command of every `redis.asyncio` client; returns a function that undoes it.

    Keys and arguments are never exported, they may hold tokens: a command shows as `GET ?`.
    """
    telemetry = _Telemetry(config.slow_query_ms / 1000)
    undos = [
        _wrap(Redis, "execute_command", lambda original: _command(telemetry, original)),
        _wrap(Pipeline, "execute", lambda original: _batch(telemetry, original)),
        *(_wrap(pool, "get_connection", _waiting) for pool in (ConnectionPool, BlockingConnectionPool)),
        CONNECTIONS.observe(_connections),
        CONNECTIONS_MAX.observe(_maxima),
    ]

    def undo() -> None:
        for each in undos:
            each()
        _pools.clear()

    return undo


def _wrap(owner: type, name: str, make: Callable[[Any], Any]) -> Callable[[], None]:
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    return lambda: setattr(owner, name, original)


def _command(telemetry: _Telemetry, original: Any) -> Any:  # noqa: ANN401 - the client's method
    @wraps(original)
    async def execute_command(client: Redis, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the client's method
        if not is_instrumentation_enabled():
            return await original(client, *args, **options)
        operation = _part(args, 0).upper()
        details = {"db.stored_procedure.name": _part(args, 1)} if operation in _SCRIPT_CALLS else {}
        text = _shape(operation, len(args) - 1)
        return await telemetry.measure(
            client, operation, text, details, lambda: original(client, *args, **options)
        )

    return execute_command


def _batch(telemetry: _Telemetry, original: Any) -> Any:  # noqa: ANN401 - the client's method
    @wraps(original)
    async def execute(pipeline: Pipeline, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the client's method
        size = len(pipeline.command_stack)
        if size == 0 or not is_instrumentation_enabled():
            return await original(pipeline, *args, **options)
        operation = "MULTI" if pipeline.is_transaction or pipeline.explicit_transaction else "PIPELINE"
        details = {"db.operation.batch.size": size}
        return await telemetry.measure(
            pipeline, operation, operation, details, lambda: original(pipeline, *args, **options)
        )

    return execute


def _waiting(original: Any) -> Any:  # noqa: ANN401 - the pool's method
    @wraps(original)
    async def get_connection(pool: ConnectionPool, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the pool's method
        labels = _known(pool) or {}
        started = time.perf_counter()
        try:
            connection = await original(pool, *args, **options)
        except RedisConnectionError as error:
            if isinstance(error, MaxConnectionsError) or isinstance(error.__cause__, TimeoutError):
                CONNECTION_TIMEOUTS.add(1, labels)
            raise
        CONNECTION_WAIT.record(time.perf_counter() - started, labels)
        return connection

    return get_connection


def _connections() -> Sequence[Observation]:
    sums: Counter[tuple[str, str]] = Counter()
    for pool in list(_pools):
        for count, labels in pool.get_connection_count():
            sums[_name(pool), str(labels["db.client.connection.state"])] += count
    return [
        Observation(count, {"db.client.connection.pool.name": name, "db.client.connection.state": state})
        for (name, state), count in sums.items()
    ]


def _maxima() -> Sequence[Observation]:
    # Two pools of one server share a name: together they may open the sum of their limits.
    sums: Counter[str] = Counter()
    for pool in list(_pools):
        sums[_name(pool)] += pool.max_connections
    return [Observation(limit, {"db.client.connection.pool.name": name}) for name, limit in sums.items()]


def _name(pool: ConnectionPool) -> str:
    where = pool.connection_kwargs
    return f"{':'.join(str(part) for part in _server(where).values())}/{where.get('db', 0)}"


def _part(args: Sequence[Any], place: int) -> str:
    """Returns a part of a command as text; the client also accepts bytes."""
    part = args[place] if place < len(args) else ""
    return text_of(part.decode("latin-1") if type(part) is bytes else part, _LONGEST_PART)


@harmless
def _known(pool: ConnectionPool) -> dict[str, str]:
    """Registers the pool as in use; returns the labels of its measurements."""
    _pools.add(pool)
    return {"db.client.connection.pool.name": _name(pool)}


@harmless
def _describe(span: Span, client: Redis, operation: str, text: str, details: dict[str, Any]) -> None:
    span.set_attributes({**_described(client, operation, text), **details})


def _described(client: Redis, operation: str, text: str) -> dict[str, Any]:
    # https://opentelemetry.io/docs/specs/semconv/database/redis/
    where = client.connection_pool.connection_kwargs
    return {
        "db.system.name": REDIS,
        "db.namespace": str(where.get("db", 0)),
        "db.operation.name": operation,
        "db.query.text": text,
        **_server(where),
    }


def _server(where: Mapping[str, Any]) -> dict[str, str | int]:
    if "path" in where:  # a Unix domain socket; it has no port
        return {"server.address": str(where["path"])}
    return {
        "server.address": str(where.get("host", "localhost")),
        "server.port": int(where.get("port", 6379)),
    }


def _shape(operation: str, arguments: int) -> str:
    marks = " ?" * min(arguments, _MOST_MARKS)
    return f"{operation}{marks}{' ...' if arguments > _MOST_MARKS else ''}"


def _record_error(span: Span, error: Exception) -> str | None:
    if isinstance(error, NoScriptError):
        # The client loads the script and retries: the first call on a new server is no error.
        span.set_attribute("db.response.status_code", "NOSCRIPT")
        return None
    error_type = type_name(type(error))
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))
    return error_type


__all__ = ["DB_METRICS", "instrument"]
