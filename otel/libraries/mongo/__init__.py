"""MongoDB instrumentation by the driver's own listeners: for pymongo, its async client and motor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pymongo import monitoring

from otel.config.settings import TelemetryConfig
from otel.libraries.database_metrics import CONNECTIONS, CONNECTIONS_MAX, DB_METRICS
from otel.libraries.mongo.commands import CommandTelemetry
from otel.libraries.mongo.pool import PoolTelemetry

if TYPE_CHECKING:
    from otel.redaction.engine import Redactor


@dataclass(slots=True)
class _Switch(monitoring.CommandListener):
    """Forwards events while it has a target; the driver's global list of listeners cannot shrink."""

    target: CommandTelemetry | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Forwards the event."""
        if self.target is not None:
            self.target.started(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Forwards the event."""
        if self.target is not None:
            self.target.succeeded(event)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Forwards the event."""
        if self.target is not None:
            self.target.failed(event)


_switch: _Switch | None = None
_pools: Final = PoolTelemetry()


def register(config: TelemetryConfig, redactor: Redactor) -> Callable[[], None]:
    """Instruments the commands and pools of every client created from now on; returns the undo.

    Each command gets a CLIENT span below the caller's span, a measurement of `db.client.operation.duration`
    and, if it takes at least `config.slow_query_ms`, a slow-query log line. A request with more than
    `config.repeated_queries` queries of one shape gets a log line, too.
    """
    global _switch  # noqa: PLW0603 - the driver's list of listeners is global as well
    if _switch is None:
        _switch = _Switch()
        monitoring.register(_switch)
        monitoring.register(_pools)
    switch = _switch
    switch.target = CommandTelemetry(
        redactor, slow_seconds=config.slow_query_ms / 1000, most_repeated=config.repeated_queries
    )
    stops = [CONNECTIONS.observe(_pools.connections), CONNECTIONS_MAX.observe(_pools.maxima)]

    def undo() -> None:
        for stop in stops:
            stop()
        switch.target = None

    return undo


__all__ = ["DB_METRICS", "register"]
