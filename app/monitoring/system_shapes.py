"""The shape of the system status."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Self

from pydantic import BaseModel, Field

from app.infra.stores.alertmanager import Alert
from app.monitoring.health import Health, Status
from app.monitoring.limiter_state import LimiterOut
from app.monitoring.partial import Partial
from app.monitoring.pipeline import SignalOut

_SEVERITY: Final = "severity"
_NO_SEVERITY: Final = "none"
_SUPPRESSED: Final = "suppressed"
_PAGE: Final = "page"
_MOST_ALERTS: Final = 10


class ServiceOut(BaseModel):
    """A part of the stack that Prometheus watches, or that this process is connected to."""

    name: str = Field(description="Its job in Prometheus, or the name of its check.", examples=["collector"])
    versions: list[str] = Field(
        description="What runs; several during an update, none if it says none.", examples=[["0.158.0"]]
    )
    instances: int | None = Field(description="Instances that are known.", examples=[1])
    up: int | None = Field(description="Instances that answer.", examples=[1])


class HealthOut(BaseModel):
    """The verdict of the health checks; `health` has each of them."""

    status: Status
    decided_by: str | None = Field(description="The check that decided it.", examples=[None])
    output: str | None = Field(description="What is wrong.", examples=[None])
    recommendation: str | None = Field(description="What to do next.", examples=[None])
    not_passing: list[str] = Field(description="All checks that do not pass.", examples=[[]])

    @classmethod
    def of(cls, health: Health) -> Self:
        """Returns the verdict of ``health``."""
        components = health.components or {}
        return cls(
            status=health.status,
            decided_by=health.decided_by,
            output=health.output,
            recommendation=health.recommendation,
            not_passing=sorted(name for name, each in components.items() if each.status is not Status.PASS),
        )


class PageAlert(BaseModel):
    """An alert that pages people."""

    name: str = Field(examples=["CollectorQueueFilling"])
    severity: str = Field(examples=["page"])
    since: datetime
    summary: str | None = Field(examples=["A queue of the Collector is filling"])
    fingerprint: str = Field(examples=["6c2f7d1f0c3b9a10"])


class AlertCounts(BaseModel):
    """The alerts that fire; `alerts` has all of each."""

    active: dict[str, int] = Field(
        description="By severity; `none` is the Watchdog, which always fires.",
        examples=[{"page": 1, "none": 1}],
    )
    suppressed: int = Field(description="Silenced or inhibited.", examples=[0])
    pages: list[PageAlert] = Field(description="At most ten, the oldest first.")

    @classmethod
    def of(cls, alerts: list[Alert]) -> Self:
        """Counts ``alerts``."""
        active: dict[str, int] = {}
        pages: list[PageAlert] = []
        for alert in sorted(alerts, key=lambda each: each.starts_at):
            severity = alert.labels.get(_SEVERITY, _NO_SEVERITY)
            if alert.status.state == _SUPPRESSED:
                continue
            active[severity] = active.get(severity, 0) + 1
            if severity == _PAGE:
                pages.append(_alert(alert, severity))
        suppressed = len(alerts) - sum(active.values())
        return cls(active=active, suppressed=suppressed, pages=pages[:_MOST_ALERTS])


def _alert(alert: Alert, severity: str) -> PageAlert:
    return PageAlert(
        name=alert.labels.get("alertname", ""),
        severity=severity,
        since=alert.starts_at,
        summary=alert.annotations.get("summary"),
        fingerprint=alert.fingerprint,
    )


class ResourceOut(BaseModel):
    """How much of something is used."""

    name: str = Field(description="As in `health`.", examples=["system:memory"])
    value: float = Field(examples=[0.61])
    unit: str | None = Field(description="In UCUM; 1 is a share.", examples=["1"])
    status: Status

    @classmethod
    def all_of(cls, health: Health) -> list[Self]:
        """Returns what the checks of the machine, the process and the disks have measured."""
        return [
            cls(name=name, value=entry.observed_value, unit=entry.observed_unit, status=entry.status)
            for name, entries in (health.checks or {}).items()
            for entry in entries
            if entry.component_type == "system" and not isinstance(entry.observed_value, str)
        ]


class LossOut(BaseModel):
    """What became of one signal's telemetry in the process that answered; `telemetry` has the reasons."""

    produced: int = Field(examples=[1000])
    dropped: int = Field(examples=[12])
    pending: int = Field(examples=[8])
    loss_ratio: float | None = Field(
        description="Share dropped; null if nothing was produced.", examples=[0.012]
    )

    @classmethod
    def of(cls, signal: SignalOut) -> Self:
        """Returns the losses of a signal."""
        dropped, produced = sum(signal.dropped.values()), signal.produced
        ratio = round(dropped / produced, 6) if produced else None
        return cls(produced=produced, dropped=dropped, pending=signal.pending, loss_ratio=ratio)


class ProcessOut(BaseModel):
    """The process that answered."""

    instance: str = Field(examples=["lms-1-0"])
    service: str = Field(examples=["lms"])
    version: str = Field(examples=["0.1.0"])
    python: str = Field(examples=["3.12.8"])
    uptime_seconds: float = Field(examples=[86400.5])
    memory_bytes: int = Field(description="Physical memory.", examples=[134217728])
    threads: int = Field(examples=[21])


class SystemStatusOut(Partial):
    """The whole system on one screen."""

    status: Status = Field(description="The verdict of the health checks.")
    answered_at: datetime
    process: ProcessOut
    services: list[ServiceOut] = Field(
        description="Prometheus' targets, and what the health checks are connected to, by name."
    )
    health: HealthOut
    alerts: AlertCounts | None = Field(description="Null if Alertmanager does not answer.")
    resources: list[ResourceOut]
    telemetry: dict[str, LossOut] = Field(description="traces, metrics and logs.")
    limiter: LimiterOut
    scope: Literal["process"] = Field(
        default="process",
        description="Of which process all but services and alerts are: the one that answered.",
    )
