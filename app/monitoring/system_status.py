"""The whole system on one screen: services, health, alerts, resources, losses and the rate limiter."""

from __future__ import annotations

import asyncio
import math
import platform
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import psutil
from fastapi import APIRouter, Request

from app import VERSION
from app.core.clock import Clock
from app.infra.resources import Resources
from app.infra.stores import Prometheus, Stores
from app.infra.stores.prometheus import Sample
from app.infra.stores.queries import selector
from app.monitoring.health import Health
from app.monitoring.health_checks import HealthChecks
from app.monitoring.limiter_state import LimiterOut
from app.monitoring.operators import OPERATORS
from app.monitoring.partial import Sources
from app.monitoring.pipeline import TelemetryOut
from app.monitoring.system_shapes import (
    AlertCounts,
    HealthOut,
    LossOut,
    ProcessOut,
    ResourceOut,
    ServiceOut,
    SystemStatusOut,
)
from otel import Telemetry

VERSIONS: Final = {
    "target_info": "service_version",
    "prometheus_build_info": "version",
    "alertmanager_build_info": "version",
    "loki_build_info": "version",
    "tempo_build_info": "version",
    "vm_app_version": "short_version",
}
"""Metrics that say which version runs, and the label that has it."""
_SERVER_VERSION: Final = "serverVersion"


def system_status_router(telemetry: Telemetry) -> APIRouter:
    """Returns the endpoint about the whole system."""
    router = APIRouter()

    @router.get("/system-status", **OPERATORS)
    async def system_status(request: Request) -> SystemStatusOut:
        """Returns services and versions, health, alerts, resources, telemetry losses and the rate limiter.

        Services are Prometheus' targets and alerts are Alertmanager's; everything else is of the process
        that answered, so the page loads while both are away.
        """
        state = request.app.state
        checks: HealthChecks = state.health
        clock: Clock = state.clock
        return await _status(telemetry, state.resources, checks.report(), clock)

    return router


async def _status(
    telemetry: Telemetry, resources: Resources, health: Health, clock: Clock
) -> SystemStatusOut:
    sources = Sources()
    services, alerts = await asyncio.gather(
        _services(resources.stores, sources), _alerts(resources.stores, sources)
    )
    return SystemStatusOut(
        **sources.account().model_dump(),
        status=health.status,
        answered_at=clock.now(),
        process=await asyncio.to_thread(_process, telemetry),
        services=sorted([*services, *_connected(health)], key=lambda each: each.name),
        health=HealthOut.of(health),
        alerts=alerts,
        resources=ResourceOut.all_of(health),
        telemetry=_losses(telemetry),
        limiter=LimiterOut.of(resources.rate_limiter.state()),
    )


def _losses(telemetry: Telemetry) -> dict[str, LossOut]:
    signals = TelemetryOut.signals_of(telemetry)
    return {name: LossOut.of(signal) for name, signal in signals.items()}


def _process(telemetry: Telemetry) -> ProcessOut:
    process = psutil.Process()
    return ProcessOut(
        instance=telemetry.instance,
        service=telemetry.service,
        version=VERSION,
        python=platform.python_version(),
        uptime_seconds=round(telemetry.seconds, 1),
        memory_bytes=process.memory_info().rss,
        threads=process.num_threads(),
    )


async def _alerts(stores: Stores, sources: Sources) -> AlertCounts | None:
    if stores.alertmanager is None:
        sources.not_configured("alertmanager")
        return None
    found = await sources.ask(stores.alertmanager.alerts(), None)
    return None if found is None else AlertCounts.of(found)


async def _services(stores: Stores, sources: Sources) -> list[ServiceOut]:
    if stores.prometheus is None:
        sources.not_configured("prometheus")
        return []
    found = await sources.ask(_watched(stores.prometheus), None)
    if found == []:
        sources.lacks(stores.prometheus.source, "watches nothing, or has not begun to")
    return found or []


async def _watched(prometheus: Prometheus) -> list[ServiceOut]:
    known, up, *versions = await asyncio.gather(
        prometheus.query(f"count by (job) ({selector('up')})"),
        prometheus.query(f"sum by (job) ({selector('up')})"),
        *(
            prometheus.query(f"count by (job, {label}) ({selector(metric)})")
            for metric, label in VERSIONS.items()
        ),
    )
    by_job: dict[str, set[str]] = defaultdict(set)
    for label, samples in zip(VERSIONS.values(), versions, strict=True):
        for sample in samples:
            by_job[_name(sample)].add(sample.labels.get(label, ""))
    counts, answering = _by_job(known), _by_job(up)
    return [
        ServiceOut(
            name=job,
            versions=sorted(filter(None, by_job[job])),
            instances=counts.get(job),
            up=answering.get(job),
        )
        for job in {*counts, *by_job}
    ]


def _by_job(samples: Iterable[Sample]) -> dict[str, int]:
    return {_name(sample): int(sample.value) for sample in samples if math.isfinite(sample.value)}


def _name(sample: Sample) -> str:
    # The job of what was pushed is namespace/name (OTLP in Prometheus), of what is scraped it is the name.
    return sample.labels.get("job", "").rpartition("/")[2]


def _connected(health: Health) -> list[ServiceOut]:
    """Returns the servers whose checks say which version they run; Prometheus does not watch them."""
    return [
        ServiceOut(name=name.partition(":")[0], versions=[str(entry.observed_value)], instances=None, up=None)
        for name, entries in (health.checks or {}).items()
        for entry in entries
        if name.endswith(f":{_SERVER_VERSION}")
    ]
