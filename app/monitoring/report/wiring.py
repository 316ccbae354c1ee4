"""Builds the reports of a process from its settings and connections."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.core.clock import Clock
from app.core.settings import Settings
from app.infra.mongo import Database
from app.infra.stores import Stores
from app.monitoring.alerts.records import AlertRecord, Kind
from app.monitoring.alerts.repository import AlertRepository, HistoryQuery
from app.monitoring.report.content import Alerts, Incident, Report
from app.monitoring.report.delivery import Reports
from app.monitoring.report.gathering import Sources, gather
from app.monitoring.report.period import Period

MOST_ALERTS: Final = 10_000
"""More of a period are not read, and the report says so: the newest tell enough."""
PAGE: Final = 50
"""So many are read at once: the event loop serves requests between two pages."""


def sources_of(
    alerts: AlertRepository, stores: Stores, service: str, most_alerts: int = MOST_ALERTS
) -> Sources:
    """Returns what a report is made of; ``service`` is the platform's name in metrics."""

    async def history(begin: datetime, end: datetime) -> Alerts:
        return await _alerts(alerts, begin, end, most_alerts)

    return Sources(stores.prometheus, history, service)


async def _alerts(alerts: AlertRepository, begin: datetime, end: datetime, most: int) -> Alerts:
    found: list[Incident] = []
    page = await alerts.find(HistoryQuery(begin, end), PAGE)
    while page and len(found) <= most:
        found += [_incident(record) for record in page if not record.is_test]
        page = await alerts.find(HistoryQuery(begin, end, before=page[-1].id), PAGE)
    return Alerts(tuple(found[:most]), is_complete=len(found) <= most)


def reports_of(settings: Settings, database: Database, clock: Clock, sources: Sources) -> Reports:
    """Returns the reports that the settings ask for."""

    async def gathered(period: Period) -> Report:
        return await gather(period, sources, clock.now())

    return Reports(database, clock, settings, gathered)


def _incident(record: AlertRecord) -> Incident:
    return Incident(
        alert=record.alertname,
        severity=record.severity,
        service=record.service_name,
        started_at=record.started_at,
        acknowledged_at=record.acknowledged_at,
        resolved_at=record.resolved_at,
        escalated=record.first(Kind.ESCALATED) is not None,
        cause="" if record.cause is None else record.cause.text,
    )
