"""Builds the reports of a process from its settings and connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.core.clock import Clock
from app.core.settings import Settings
from app.infra.mongo import Database
from app.infra.stores import Stores
from app.monitoring.alerts.records import AlertRecord, Kind
from app.monitoring.alerts.repository import AlertRepository, HistoryQuery
from app.monitoring.report.content import Incident, Report
from app.monitoring.report.delivery import Reports
from app.monitoring.report.gathering import Sources, gather
from app.monitoring.report.period import Period

MOST_ALERTS: Final = 10_000
"""More of a period are not read: the report says how often each fired, not every one."""


def sources_of(alerts: AlertRepository, stores: Stores, service: str) -> Sources:
    """Returns what a report is made of; ``service`` is the platform's name in metrics."""

    async def history(begin: datetime, end: datetime) -> Sequence[Incident]:
        found = await alerts.find(HistoryQuery(begin, end), MOST_ALERTS)
        return [_incident(record) for record in found if not record.is_test]

    return Sources(stores.prometheus, history, service)


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
