"""How full MongoDB's connection pools are, and how long commands wait for a connection."""

from __future__ import annotations

from typing import Any

from pymongo.monitoring import (
    ConnectionCheckedInEvent,
    ConnectionCheckedOutEvent,
    ConnectionCheckOutFailedEvent,
    ConnectionCheckOutStartedEvent,
    ConnectionClosedEvent,
    ConnectionCreatedEvent,
    ConnectionPoolListener,
    ConnectionReadyEvent,
    PoolClearedEvent,
    PoolClosedEvent,
    PoolCreatedEvent,
    PoolReadyEvent,
)

from otel.db_metrics import (
    CONNECTION_CREATE,
    CONNECTION_TIMEOUTS,
    CONNECTION_WAIT,
    CONNECTIONS,
    CONNECTIONS_MAX,
)

_IDLE, _USED = "idle", "used"
_DRIVERS_LIMIT = 100  # `maxPoolSize` that the driver assumes and does not list


class PoolTelemetry(ConnectionPoolListener):
    """Turns the driver's pool events into `db.client.connection.*` metrics; the pool's name is host:port."""

    def pool_created(self, event: PoolCreatedEvent) -> None:
        """Adds the pool's limit."""
        CONNECTIONS_MAX.add(event.options.get("maxPoolSize") or _DRIVERS_LIMIT, _pool(event))

    def pool_closed(self, event: PoolClosedEvent) -> None:
        """Keeps the limit: the next client of this process opens a pool of the same name."""

    def pool_ready(self, event: PoolReadyEvent) -> None:
        """Tells nothing that is measured."""

    def pool_cleared(self, event: PoolClearedEvent) -> None:
        """Tells nothing that is measured: the connections are closed one by one."""

    def connection_created(self, event: ConnectionCreatedEvent) -> None:
        """Counts an idle connection."""
        _count(event, _IDLE, 1)

    def connection_ready(self, event: ConnectionReadyEvent) -> None:
        """Measures the opening of a connection."""
        if event.duration is not None:
            CONNECTION_CREATE.record(event.duration, _pool(event))

    def connection_closed(self, event: ConnectionClosedEvent) -> None:
        """Counts an idle connection less; one in use is checked in before."""
        _count(event, _IDLE, -1)

    def connection_check_out_started(self, event: ConnectionCheckOutStartedEvent) -> None:
        """Tells nothing that is measured."""

    def connection_check_out_failed(self, event: ConnectionCheckOutFailedEvent) -> None:
        """Counts a wait that ended without a connection."""
        CONNECTION_TIMEOUTS.add(1, _pool(event))

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:
        """Measures the wait; the connection is in use now."""
        if event.duration is not None:
            CONNECTION_WAIT.record(event.duration, _pool(event))
        _count(event, _IDLE, -1)
        _count(event, _USED, 1)

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:
        """Counts the connection as idle again."""
        _count(event, _USED, -1)
        _count(event, _IDLE, 1)


def _pool(event: Any) -> dict[str, str]:  # noqa: ANN401 - the driver's pool and connection events share no public base
    host, port = event.address
    return {"db.client.connection.pool.name": host if port is None else f"{host}:{port}"}


def _count(event: Any, state: str, change: int) -> None:  # noqa: ANN401 - see `_pool`
    CONNECTIONS.add(change, {**_pool(event), "db.client.connection.state": state})
