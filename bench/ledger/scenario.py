"""One line of the ledger: what is played, what may be lost, and which metric and alert show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bench.ledger.world import SINKS, Setting, Stage

ITEMS: Final = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A metric of the Collector that must have increased, and the alert that must have fired for it.

    Args:
        metric: as the Collector exposes it.
        alert: one of the project's rules, evaluated for this Collector by the real Prometheus.
        labels: that the series must have.
    """

    metric: str
    alert: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """One line of the ledger.

    Args:
        name: for the command line.
        title: for the report.
        play: what happens.
        setting: the Collector and the sender.
        short: whether the short form plays it.
        losses: sinks that must lose acknowledged items here, with the reason. All others must lose none.
        lost: the most items that each of those sinks may lose; 0 is no limit.
        evidence: metrics that must have increased.
        repeats: whether a store may receive an item twice (at-least-once); VictoriaLogs then returns both.
        refuses: whether some requests of the sender must remain unacknowledged.
        calm: whether the sender must have seen nothing but 200.
        disk: size of the queues' disk in MiB; 0 is the machine's own disk. Needs permission to mount.
    """

    name: str
    title: str
    play: Callable[[Stage], Awaitable[None]]
    setting: Setting = field(default_factory=Setting)
    short: bool = False
    losses: Mapping[str, str] = field(default_factory=dict)
    lost: int = 0
    evidence: tuple[Evidence, ...] = ()
    repeats: bool = False
    refuses: bool = False
    calm: bool = False
    disk: int = 0


def dropped(sinks: Mapping[str, str]) -> tuple[Evidence, ...]:
    """Returns the metrics with which the Collector reports items permanently lost for these sinks."""
    return tuple(
        Evidence(
            f"otelcol_exporter_send_failed_{ITEMS[signal]}_total",
            "CollectorDataRejected",
            {"exporter": f"otlp_http/{sink}", "error_permanent": "true"},
        )
        for signal, sink in SINKS.items()
        if sink in sinks
    )


def refused() -> tuple[Evidence, ...]:
    """Returns the metrics with which the Collector reports items that it could not queue."""
    return tuple(
        Evidence(
            f"otelcol_exporter_enqueue_failed_{ITEMS[signal]}_total",
            "CollectorQueueRefuses",
            {"exporter": f"otlp_http/{sink}"},
        )
        for signal, sink in SINKS.items()
    )
