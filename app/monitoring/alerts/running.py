"""The history of alerts of a process: opened from its settings, kept up to date in the background."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from app.core.clock import Clock
from app.core.settings import Settings
from app.infra.mongo import Database
from app.infra.periodic import repeating
from app.infra.resources import EXPIRY_SECONDS
from app.infra.stores import Stores
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.reconcile import Reconciler
from app.monitoring.alerts.repository import AlertRepository, ReconcilerLease

_LEASED: Final = 4
"""How many intervals an instance may miss before another one reconciles."""
_SHORTEST_LEASE: Final = timedelta(seconds=10)


class AlertRecording:
    """What records alerts in this process; made before the database is prepared, as all collections are."""

    def __init__(self, settings: Settings, database: Database, stores: Stores, clock: Clock) -> None:
        self._seconds = settings.alert_reconcile_seconds
        self.history = AlertHistory(AlertRepository(database), clock, days=settings.alert_history_days)
        lasting = max(timedelta(seconds=_LEASED * self._seconds), _SHORTEST_LEASE)
        lease = ReconcilerLease(database, secrets.token_hex(8), lasting)
        self._reconciler = Reconciler(self.history, lease, stores)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[AlertHistory]:
        """Keeps the history up to date and within its time until the block exits."""
        async with (
            repeating(EXPIRY_SECONDS, self.history.expire),
            repeating(self._seconds, self.history.retry, self._reconciler.run),
        ):
            yield self.history
        await self._reconciler.release()
