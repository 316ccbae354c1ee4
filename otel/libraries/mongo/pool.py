"""Measures how full MongoDB's connection pools are, and how long commands wait for a connection."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from opentelemetry.metrics import Observation
from opentelemetry.trace import get_current_span
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

from otel.libraries.database_metrics import (
    CONNECTION_CREATE,
    CONNECTION_TIMEOUTS,
    CONNECTION_WAIT,
)
from otel.metrics.histogram import HistogramSeries

_POOL_NAME: Final = "db.client.connection.pool.name"
_REMEMBERED: Final = 256
_MOST_WAITS: Final = 1000
_DRIVERS_LIMIT: Final = 100  # the driver's default `maxPoolSize`, which it does not list


_Address = tuple[str, int | None]


class _Count:
    """Counts the connections to one server; `waits` are the seconds that callers waited, not recorded yet."""

    __slots__ = ("idle", "used", "waits")

    def __init__(self) -> None:
        self.idle = self.used = 0
        self.waits: deque[float] = deque(maxlen=_MOST_WAITS)


class PoolTelemetry(ConnectionPoolListener):
    """Turns the driver's pool events into `db.client.connection.*` metrics; the pool's name is host:port."""

    def __init__(self) -> None:
        self._limits: dict[str, list[int]] = {}
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def pool_created(self, event: PoolCreatedEvent) -> None:
        """Adds the pool's limit."""
        limit = event.options.get("maxPoolSize") or _DRIVERS_LIMIT
        with self._lock:
            self._limits.setdefault(_name(event), []).append(limit)

    def pool_closed(self, event: PoolClosedEvent) -> None:
        """Removes a pool's limit; if one server has several pools, that of the oldest."""
        with self._lock:
            limits = self._limits.get(_name(event))
            if limits:
                limits.pop(0)

    def pool_ready(self, event: PoolReadyEvent) -> None:
        """Measures nothing."""

    def pool_cleared(self, event: PoolClearedEvent) -> None:
        """Measures nothing: each connection reports its own closing."""

    def connection_created(self, event: ConnectionCreatedEvent) -> None:
        """Counts an idle connection."""
        self._change(event, idle=1)

    def connection_ready(self, event: ConnectionReadyEvent) -> None:
        """Records how long a connection took to open."""
        if event.duration is not None:
            CONNECTION_CREATE.record(event.duration, {_POOL_NAME: _name(event)})

    def connection_closed(self, event: ConnectionClosedEvent) -> None:
        """Counts one idle connection fewer; a connection in use is checked in first."""
        self._change(event, idle=-1)

    def connection_check_out_started(self, event: ConnectionCheckOutStartedEvent) -> None:
        """Measures nothing."""

    def connection_check_out_failed(self, event: ConnectionCheckOutFailedEvent) -> None:
        """Counts a wait that ended without a connection."""
        CONNECTION_TIMEOUTS.add(1, {_POOL_NAME: _name(event)})

    def connection_checked_out(self, event: ConnectionCheckedOutEvent) -> None:
        """Counts the connection as in use; a later check-in records its wait, off the critical path."""
        count = self._change(event, idle=-1, used=1)
        if event.duration is not None:
            count.waits.append(event.duration)

    def connection_checked_in(self, event: ConnectionCheckedInEvent) -> None:
        """Counts the connection as idle again, and records the waits since the last check-in."""
        count = self._change(event, idle=1, used=-1)
        if count.waits:
            _record(count.waits, event.address)

    def connections(self) -> list[Observation]:
        """Returns the open connections by pool and state, for `CONNECTIONS.observe`."""
        with self._lock:
            counts = {_name_of(address): (each.idle, each.used) for address, each in self._counts.items()}
        return [
            Observation(count, {_POOL_NAME: name, "db.client.connection.state": state})
            for name, each in counts.items()
            for state, count in zip(("idle", "used"), each, strict=True)
        ]

    def maxima(self) -> list[Observation]:
        """Returns the limits of the open pools, summed by name, for `CONNECTIONS_MAX.observe`."""
        with self._lock:
            return [Observation(sum(each), {_POOL_NAME: name}) for name, each in self._limits.items() if each]

    def _change(self, event: Any, *, idle: int = 0, used: int = 0) -> _Count:  # noqa: ANN401 - see `_name`
        address = event.address
        with self._lock:
            count = self._counts.get(address)
            if count is None:
                count = self._counts[address] = _Count()
            count.idle += idle
            count.used += used
        return count

    def _forget(self) -> None:
        """Resets the counts in a forked child, where the driver opens its own pools."""
        self._lock = threading.Lock()
        self._counts: dict[_Address, _Count] = {}


def _name(event: Any) -> str:  # noqa: ANN401 - the driver's pool and connection events share no public base
    return _name_of(event.address)


def _record(waits: deque[float], address: _Address) -> None:
    series, span = _wait(address), get_current_span().get_span_context()
    with suppress(IndexError):  # another thread may take the last one
        while True:
            series.record(waits.popleft(), span)


@lru_cache(_REMEMBERED)
def _wait(address: _Address) -> HistogramSeries:
    return CONNECTION_WAIT.with_attributes({_POOL_NAME: _name_of(address)})


@lru_cache(_REMEMBERED)
def _name_of(address: _Address) -> str:
    host, port = address
    return str(host) if port is None else f"{host}:{port}"
