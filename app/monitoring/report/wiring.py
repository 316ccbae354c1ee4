"""Builds the reports of a process from its settings and connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.core.clock import Clock
from app.core.settings import Settings
from app.infra.resources import Resources
from app.infra.stores import StoreUnavailable
from app.monitoring.report.content import Incident, Report
from app.monitoring.report.delivery import Reports
from app.monitoring.report.gathering import Sources, gather
from app.monitoring.report.period import Period


async def _no_history(_begin: datetime, _end: datetime) -> Sequence[Incident]:
    raise StoreUnavailable("the history of alerts", "is not kept yet")


def sources_of(resources: Resources, service: str) -> Sources:
    """Returns what a report is made of."""
    return Sources(resources.stores.prometheus, _no_history, service)


def reports_of(settings: Settings, resources: Resources, clock: Clock, service: str) -> Reports:
    """Returns the reports that the settings ask for; ``service`` is the platform's name in metrics."""
    sources = sources_of(resources, service)

    async def gathered(period: Period) -> Report:
        return await gather(period, sources, clock.now())

    return Reports(resources.database, clock, settings, gathered)
