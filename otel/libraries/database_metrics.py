"""The metrics of databases and caches: names of the database semantic conventions."""

from __future__ import annotations

from typing import Final

from otel.metrics.attributes import Allowed
from otel.metrics.catalogue import ANY_BOUNDED, Catalogue, Counter, Histogram, UpDownCounter

MONGODB: Final = "mongodb"
REDIS: Final = "redis"

_FAST: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OPERATION: Final[dict[str, Allowed]] = {
    "db.system.name": (MONGODB, REDIS),
    "db.operation.name": ANY_BOUNDED(limit=60),
    "db.collection.name": ANY_BOUNDED(limit=60),
}
_POOL: Final[dict[str, Allowed]] = {"db.client.connection.pool.name": ANY_BOUNDED(limit=20)}

OPERATION_DURATION: Final = Histogram(
    "db.client.operation.duration",
    unit="s",
    description="Time that a database or cache took to answer, as the client sees it.",
    attributes={**_OPERATION, "error.type": ANY_BOUNDED(limit=50)},
    buckets=_FAST,
)
RETURNED_ROWS: Final = Histogram(
    "db.client.response.returned_rows",
    unit="{row}",
    description="Documents that one command returned.",
    attributes=_OPERATION,
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000),
)
CONNECTIONS: Final = UpDownCounter(
    "db.client.connection.count",
    unit="{connection}",
    description="Open connections, idle and in use.",
    attributes={**_POOL, "db.client.connection.state": ("idle", "used")},
)
CONNECTIONS_MAX: Final = UpDownCounter(
    "db.client.connection.max",
    unit="{connection}",
    description="Connections that a pool may open at most.",
    attributes=_POOL,
)
CONNECTION_WAIT: Final = Histogram(
    "db.client.connection.wait_time",
    unit="s",
    description="Time to get an open connection from a pool.",
    attributes=_POOL,
    buckets=_FAST,
)
CONNECTION_CREATE: Final = Histogram(
    "db.client.connection.create_time",
    unit="s",
    description="Time to open a new connection.",
    attributes=_POOL,
    buckets=_FAST,
)
CONNECTION_TIMEOUTS: Final = Counter(
    "db.client.connection.timeouts",
    unit="{timeout}",
    description="Waits for a connection that ended without one.",
    attributes=_POOL,
)
REPEATED_QUERIES: Final = Histogram(
    "db.client.repeated_queries",
    unit="{query}",
    description="Queries of one shape in one request, if more than TELEMETRY_REPEATED_QUERIES.",
    attributes={**_OPERATION, "http.route": ANY_BOUNDED(limit=300)},
    buckets=(5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
)

DB_METRICS: Final = Catalogue(
    "otel.db",
    OPERATION_DURATION,
    RETURNED_ROWS,
    CONNECTIONS,
    CONNECTIONS_MAX,
    CONNECTION_WAIT,
    CONNECTION_CREATE,
    CONNECTION_TIMEOUTS,
    REPEATED_QUERIES,
)
