"""MongoDB instrumentation: the driver's own listeners, for pymongo, its async client and motor."""

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
    """Stands in the driver's global list, which nobody can leave; hands on while there is someone."""

    target: CommandTelemetry | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Hands the event on."""
        if self.target is not None:
            self.target.started(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Hands the event on."""
        if self.target is not None:
            self.target.succeeded(event)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Hands the event on."""
        if self.target is not None:
            self.target.failed(event)


_switch: _Switch | None = None
_pools: Final = PoolTelemetry()


def register(config: TelemetryConfig, redactor: Redactor) -> Callable[[], None]:
    """Lets every client that is made from now on report its commands and pools; returns the undo.

    A command gets a CLIENT span below the caller's span, `db.client.operation.duration`, and a slow-query log
    line from `config.slow_query_ms` on.
    """
    global _switch  # noqa: PLW0603 - the driver's list of listeners is global as well
    if _switch is None:
        _switch = _Switch()
        monitoring.register(_switch)
        monitoring.register(_pools)
    switch = _switch
    switch.target = CommandTelemetry(redactor, config.slow_query_ms / 1000)
    stops = [CONNECTIONS.observe(_pools.connections), CONNECTIONS_MAX.observe(_pools.maxima)]

    def undo() -> None:
        for stop in stops:
            stop()
        switch.target = None

    return undo


__all__ = ["DB_METRICS", "register"]
