"""Board 6: do the database and Redis keep up? Rate limits are in stores_limits.py."""

from __future__ import annotations

from typing import Final

from grafana import log_queries as logql
from grafana.board import Board, Row
from grafana.boards import stores_limits
from grafana.boards.common import CHOSEN, SERVED, USUAL, to
from grafana.panels import About, Limit, Query, lines, stat, table, words

_MONGODB: Final = f'{SERVED}, db_system_name="mongodb"'
_REDIS: Final = f'{SERVED}, db_system_name="redis"'
_CALLS: Final = "operation:db_call_buckets:increase5m"
_FAILURES: Final = "operation:db_call_failures:increase5m"
_OPERATION: Final = "{{db_operation_name}} {{db_collection_name}}"
_NAMES: Final = "db_operation_name, db_collection_name"
_POOL: Final = "db_client_connection_pool_name"
_SHAPE: Final = ("query_shape", "db_operation_name", "db_collection_name")
_SLOW: Final = logql.equal("logger", "slow_query")


def _failed(system: str) -> str:
    """Returns the share of operations that failed in five minutes: 0 while none does."""
    calls = f'sum({_CALLS}{{{system}, le="+Inf"}})'
    return f"(sum({_FAILURES}{{{system}}}) or 0 * {calls}) / ({calls} > 0)"


def _p95(system: str, by: str = "") -> str:
    return f"histogram_quantile(0.95, sum by ({', '.join(filter(None, ('le', by)))}) ({_CALLS}{{{system}}}))"


def _rate(system: str, by: str) -> str:
    return f'topk(10, sum by ({by}) ({_CALLS}{{{system}, le="+Inf"}}) / 300)'


_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and where to look first.", width=24, height=3),
            "**Do the database, Redis and the rate limits keep up, and if not, which operation is it?** Red "
            "number → the lines below it show since when → *Slow queries by shape* names the query → its log "
            "lines lead to the trace.",
        ),
        stat(
            About(
                "MongoDB: failed operations",
                "Share of operations of the last five minutes that failed; a taken address or id is an "
                "answer, not a failure. Red: runbook DatabaseErrors.",
                unit="percentunit", width=6, height=4, limit=Limit("database_error_ratio"),
                links=(to("lms-logs", "Log lines"),),
            ),
            Query(_failed(_MONGODB), now=True),
        ),
        stat(
            About(
                "MongoDB: p95 of all operations",
                "One operation in twenty takes this long or longer. Red: runbook DatabaseSlow; look for the "
                "operation in the lines below.",
                unit="s", width=6, height=4, limit=Limit("database_p95"),
            ),
            Query(_p95(_MONGODB), now=True),
        ),
        stat(
            About(
                "Fullest connection pool",
                "Connections in use, as a share of what the pool may open. Red: runbook ConnectionPoolFull; "
                "slow queries hold connections, so look at them first.",
                unit="percentunit", width=6, height=4, limit=Limit("connection_pool_used"),
            ),
            Query(
                f"max(sum by (instance, {_POOL}) (db_client_connection_count"
                f'{{{CHOSEN}, db_client_connection_state="used"}}) '
                f"/ sum by (instance, {_POOL}) (db_client_connection_max{{{CHOSEN}}}))",
                now=True,
            ),
        ),
        stat(
            About(
                "Redis: failed commands",
                "Share of commands of the last five minutes that failed or took longer than "
                "their time limit (LMS_REDIS_SECONDS). Red: runbook RedisErrors; learners may have to log in "
                "again.",
                unit="percentunit", width=6, height=4, limit=Limit("redis_error_ratio"),
            ),
            Query(_failed(_REDIS), now=True),
        ),
        *stores_limits.NOW,
    ),
)  # fmt: skip

_DATABASE: Final = Row(
    "MongoDB by operation and collection",
    (
        lines(
            About(
                "MongoDB operations per second",
                "The ten most frequent. An operation that jumps while traffic does not is a loop or a lost "
                "cache.",
                unit="ops", width=8,
            ),
            Query(_rate(_MONGODB, _NAMES), legend=_OPERATION),
        ),
        lines(
            About(
                "MongoDB p95",
                "The ten slowest; the line is where DatabaseSlow begins. Above it: its runbook, and the slow "
                "queries below.",
                unit="s", width=8, limit=Limit("database_p95"),
            ),
            Query(f"topk(10, {_p95(_MONGODB, _NAMES)} > 0)", legend=_OPERATION),
        ),
        lines(
            About(
                "MongoDB failures per second",
                "The ten operations that fail most. Anything above 0: runbook DatabaseErrors.",
                unit="ops", width=8, links=(to("lms-logs", "Log lines"),),
            ),
            Query(
                f"topk(10, sum by ({_NAMES}) ({_FAILURES}{{{_MONGODB}}}) / 300 "
                f'or 0 * sum by ({_NAMES}) ({_CALLS}{{{_MONGODB}, le="+Inf"}}))',
                legend=_OPERATION,
            ),
        ),
    ),
)  # fmt: skip

_SHAPES: Final = Row(
    "Slow queries by shape",
    (
        table(
            About(
                "Costliest shapes of slow queries",
                "A shape is a query without its values; the time is that of all its slow calls in the range. "
                "The first row is worth an index: explain it in the database.",
                unit="ms", width=12,
            ),
            Query(
                logql.costliest(10, _SHAPE, "duration_ms", _SLOW),
                source="logs", now=True,
            ),
            columns={
                "query_shape": "Shape", "db_operation_name": "Operation",
                "db_collection_name": "Collection", "Value #A": "Time",
            },
            sort="Time",
        ),
        table(
            About(
                "Most frequent shapes of slow queries",
                "How often each shape took longer than TELEMETRY_SLOW_QUERY_MS. Many and cheap: usually a "
                "loop that should be one query.",
                width=12,
            ),
            Query(
                logql.top(10, _SHAPE, _SLOW),
                source="logs", now=True,
            ),
            columns={
                "query_shape": "Shape", "db_operation_name": "Operation",
                "db_collection_name": "Collection", "Value #A": "Slow calls",
            },
            sort="Slow calls",
        ),
    ),
)  # fmt: skip

_POOLS: Final = Row(
    "Connection pools",
    (
        lines(
            About(
                "Connections in use",
                "Of the ten busiest pools, by process. Near the limit a burst waits: runbook "
                "ConnectionPoolFull.",
                width=8,
            ),
            Query(
                f'topk(10, db_client_connection_count{{{CHOSEN}, db_client_connection_state="used"}})',
                legend="{{instance}} {{db_client_connection_pool_name}}",
            ),
        ),
        lines(
            About(
                "p95 of the wait for a connection",
                "By pool, of five minutes. More than a few milliseconds: the pool is too small for what "
                "holds its connections.",
                unit="s", width=8,
            ),
            Query(
                f"histogram_quantile(0.95, sum by (le, {_POOL}) "
                f"(pool:connection_wait_buckets:increase5m{{{SERVED}}})) > 0",
                legend="{{db_client_connection_pool_name}}",
            ),
        ),
        lines(
            About(
                "Waits that ended without a connection",
                "Each was a request that failed. More than a few in five minutes: runbook "
                "ConnectionTimeouts.",
                width=8, limit=Limit("connection_timeouts"),
            ),
            Query(
                f"sum by ({_POOL}) "
                f"(increase(db_client_connection_timeouts_total{{{CHOSEN}}}[$__rate_interval])) "
                f"or 0 * sum by ({_POOL}) (db_client_connection_max{{{CHOSEN}}})",
                legend="{{db_client_connection_pool_name}}",
            ),
        ),
    ),
)  # fmt: skip

_CACHE: Final = Row(
    "Redis",
    (
        lines(
            About(
                "Redis commands per second",
                "The ten most frequent; one that grows alone is a loop.",
                unit="ops", width=8,
            ),
            Query(_rate(_REDIS, "db_operation_name"), legend="{{db_operation_name}}"),
        ),
        lines(
            About(
                "Redis p95",
                "The ten slowest commands. Redis in the same network answers within a millisecond: runbook "
                "RedisErrors says what to check.",
                unit="s", width=8,
            ),
            Query(f"topk(10, {_p95(_REDIS, 'db_operation_name')} > 0)", legend="{{db_operation_name}}"),
        ),
        lines(
            About(
                "Catalogue pages by what the cache did",
                "hit: from Redis. bypassed: Redis did not answer, so the database did the work: runbook "
                "RedisDown.",
                unit="reqps", width=8,
            ),
            Query(
                f"sum by (cache) (rate(lms_catalogue_reads_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="{{cache}}",
            ),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-stores",
    title="Data stores",
    question="Do the database, Redis and the rate limits keep up, and if not, which operation is it?",
    sources=("metrics", "logs"),
    variables=USUAL,
    rows=(_NOW, _DATABASE, _SHAPES, _POOLS, _CACHE, stores_limits.ROW),
)
