"""Compares the history with what Alertmanager and Prometheus say: a lost notification loses nothing else.

One instance does it at a time. What it finds out it may find out again: a change is stored once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.errors import DatabaseUnavailable
from app.core.telemetry import ALERT_RECONCILIATIONS
from app.infra.stores import Stores, StoreUnavailable
from app.infra.stores.alertmanager import Alert, Silence
from app.monitoring.alerts import life, lookback
from app.monitoring.alerts.acknowledged import end_acknowledgements
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.life import Firing
from app.monitoring.alerts.lookback import Episode, Remembered
from app.monitoring.alerts.records import AlertRecord, Source, milliseconds
from app.monitoring.alerts.repository import ReconcilerLease
from otel import get_logger

FIRST_LOOK: Final = timedelta(days=1)
LONGEST_LOOK: Final = timedelta(days=7)
GONE: Final = timedelta(minutes=5)
"""How long Alertmanager may not know an alert that Prometheus does not know either, before it counts as
resolved: after a restart it knows nothing until Prometheus sends everything again, once a minute."""
_log = get_logger(service="alerts")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the two programs say now; None: they do not answer."""

    alerts: Sequence[Alert] | None
    silences: Sequence[Silence]
    remembered: Remembered | None


class Reconciler:
    """Keeps the history complete."""

    def __init__(self, history: AlertHistory, lease: ReconcilerLease, stores: Stores) -> None:
        self._history = history
        self._lease = lease
        self._stores = stores
        self._missing: dict[str, datetime] = {}
        self._ends: dict[str, datetime] = {}

    async def run(self) -> None:
        """Reconciles, if this instance's turn has come; never raises because a program is away."""
        if self._stores.alertmanager is None and self._stores.prometheus is None:
            return
        try:
            await self._history.retry()
            if not await self._lease.take(self._history.clock.now()):
                return
            outcome = await self._reconcile()
        except DatabaseUnavailable:
            outcome = "failed"
        ALERT_RECONCILIATIONS.add(1, {"outcome": outcome})

    async def _reconcile(self) -> str:
        now = self._history.clock.now()
        complete = await self._lease.complete_until()
        seen = await self._look(max(complete or now - FIRST_LOOK, now - LONGEST_LOOK) - lookback.OVERLAP)
        known = {each.id: each for each in await self._history.repository.open()}
        for alert in seen.alerts or ():
            record = await self._fires(alert, seen.silences, now)
            known[record.id] = record
        episodes = () if seen.remembered is None else seen.remembered.episodes
        latest: dict[str, Episode] = {}
        for episode in episodes:
            latest[episode.fingerprint] = max(
                episode, latest.get(episode.fingerprint, episode), key=lambda each: each.last
            )
            await self._happened(episode, known, seen)
        await self._end_missing(known.values(), seen, latest, now)
        if self._stores.alertmanager is not None and seen.alerts is not None:
            await end_acknowledgements(self._history, self._stores.alertmanager, seen.alerts, seen.silences)
        if seen.remembered is not None:
            await self._lease.completed(milliseconds(seen.remembered.now))
        return "partial" if seen.alerts is None or seen.remembered is None else "complete"

    async def _look(self, since: datetime) -> Seen:
        alertmanager, prometheus = self._stores.alertmanager, self._stores.prometheus
        alerts: Sequence[Alert] | None = None
        silences: Sequence[Silence] = ()
        found: Remembered | None = None
        # First what Prometheus remembers: what ends between the two questions is seen the next time.
        if prometheus is not None:
            try:
                found = await lookback.remembered(prometheus, since)
            except StoreUnavailable as error:
                _log.info("alert_history_partial", source=error.source, reason=error.reason)
        if alertmanager is not None:
            try:
                alerts, silences = await asyncio.gather(alertmanager.alerts(), alertmanager.silences())
            except StoreUnavailable as error:
                _log.info("alert_history_partial", source=error.source, reason=error.reason)
        return Seen(alerts, silences, found)

    async def _fires(self, alert: Alert, silences: Sequence[Silence], now: datetime) -> AlertRecord:
        self._ends[firing_of(alert).id] = alert.ends_at

        def change(record: AlertRecord) -> AlertRecord:
            record = life.reopened(record, alert.updated_at)
            record = life.silenced(record, fitting(silences, alert.labels, alert.status.silenced_by))
            return life.inhibited(record, alert.status.inhibited_by, now)

        return await self._history.apply(firing_of(alert), change)

    async def _happened(self, episode: Episode, known: dict[str, AlertRecord], seen: Seen) -> None:
        """Records an alert that Prometheus remembers, its waiting time and its end."""
        record = next((each for each in known.values() if covers(each, episode)), None)
        if record is None and episode.begin is not None:
            stored = await self._history.repository.of(episode.fingerprint, 5)
            record = next((each for each in stored if covers(each, episode)), None)
            firing = Firing(episode.fingerprint, episode.labels, {}, episode.begin, Source.PROMETHEUS)
            record = record or await self._history.apply(firing)
        if record is None:
            return

        def change(record: AlertRecord) -> AlertRecord:
            if episode.pending_at is not None and episode.begin == record.started_at:
                record = life.pended(record, episode.pending_at)
            if episode.end is not None and not listed(record, seen.alerts):
                record = life.resolved(record, episode.end, Source.PROMETHEUS)
            return life.silenced(record, fitting(seen.silences, episode.labels, ()))

        changed = await self._history.amend(record.id, change)
        if changed is not None:
            known[changed.id] = changed

    async def _end_missing(
        self, records: Iterable[AlertRecord], seen: Seen, latest: Mapping[str, Episode], now: datetime
    ) -> None:
        """Ends what neither program knows any more: alerts that others post, or whose rule was removed."""
        if seen.alerts is None:
            return
        still: dict[str, datetime] = {}
        for record in [each for each in records if each.is_open and not listed(each, seen.alerts)]:
            episode = latest.get(record.fingerprint)
            if episode is not None and episode.end is None:
                continue  # Alertmanager was restarted, and gets it again
            still[record.id] = since = self._missing.get(record.id, now)
            wait = GONE if seen.remembered is None else timedelta(0)
            if record.id in self._missing and now - since >= wait:
                await self._end(record, min(self._ends.get(record.id, since), since))
        self._missing = still
        self._ends = {each: end for each, end in self._ends.items() if each in still or now <= end}

    async def _end(self, record: AlertRecord, at: datetime) -> None:
        await self._history.amend(record.id, lambda each: life.resolved(each, at, Source.PLATFORM))

    async def release(self) -> None:
        """Lets another instance take over at once."""
        try:
            await self._lease.release()
        except DatabaseUnavailable:
            return


def firing_of(alert: Alert) -> Firing:
    """Returns what Alertmanager says about an alert's beginning."""
    return Firing(alert.fingerprint, alert.labels, alert.annotations, alert.starts_at)


def fitting(silences: Iterable[Silence], labels: Mapping[str, str], named: Iterable[str]) -> list[Silence]:
    """Returns the silences that fit an alert: those that Alertmanager names, and those that surely do."""
    ids = set(named)
    return [each for each in silences if each.id in ids or each.fits(labels)]


def covers(record: AlertRecord, episode: Episode) -> bool:
    """Tells whether a record is about this episode: after a restart of Prometheus it is one of several."""
    if record.fingerprint != episode.fingerprint or record.started_at > episode.last:
        return False
    begin = episode.begin or episode.last
    return record.resolved_at is None or record.started_at == begin or record.resolved_at > begin


def listed(record: AlertRecord, alerts: Sequence[Alert] | None) -> bool:
    """Tells whether Alertmanager lists the alert of a record."""
    return any(firing_of(each).id == record.id for each in alerts or ())
