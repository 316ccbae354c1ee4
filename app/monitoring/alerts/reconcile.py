"""Compares the history with what Alertmanager and Prometheus say: a lost notification loses nothing else.

One instance does it at a time. What it finds out it may find out again: a change is stored once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
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
from app.monitoring.alerts.seen import Known, Seen, covers, firing_of, fitting
from otel import get_logger

FIRST_LOOK: Final = timedelta(days=1)
LONGEST_LOOK: Final = timedelta(days=7)
GONE: Final = timedelta(minutes=5)
"""How long Alertmanager may not know an alert that Prometheus does not know either, before it counts as
resolved: after a restart it knows nothing until Prometheus sends everything again, once a minute."""
_log = get_logger(service="alerts")


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
            if not await self._lease.take(self._history.clock.now()):
                return
            await self._history.announce_late()
            outcome = await self._reconcile()
        except DatabaseUnavailable:
            outcome = "failed"
        except Exception:
            ALERT_RECONCILIATIONS.add(1, {"outcome": "failed"})
            raise
        ALERT_RECONCILIATIONS.add(1, {"outcome": outcome})

    async def _reconcile(self) -> str:
        now = self._history.clock.now()
        complete = await self._lease.complete_until()
        seen = await self._look(max(complete or now - FIRST_LOOK, now - LONGEST_LOOK) - lookback.OVERLAP)
        known = Known(await self._history.repository.open())
        fires = partial(self._fires, known=known, seen=seen, now=now)
        done = [await self._apart(each, partial(fires, each)) for each in seen.alerts or ()]
        latest: dict[str, Episode] = {}
        for episode in seen.episodes:
            latest[episode.fingerprint] = max(
                episode, latest.get(episode.fingerprint, episode), key=lambda each: each.last
            )
            done.append(await self._apart(episode, partial(self._happened, episode, known, seen)))
        await self._end_missing(known, seen, latest, now)
        if self._stores.alertmanager is not None and seen.alerts is not None:
            await end_acknowledgements(self._history, self._stores.alertmanager, seen.alerts, seen.silences)
        if seen.remembered is not None:
            await self._lease.completed(milliseconds(seen.remembered.now))
        is_partial = seen.alerts is None or seen.remembered is None or not seen.is_up_to_date or not all(done)
        return "partial" if is_partial else "complete"

    @staticmethod
    async def _apart(alert: Alert | Episode, step: Callable[[], Awaitable[None]]) -> bool:
        """Takes a step, and returns whether it succeeded: one alert that fails stops no other."""
        await asyncio.sleep(0)  # a thousand alerts take long, and requests are answered between them
        try:
            await step()
        except DatabaseUnavailable:
            raise
        except Exception:  # noqa: BLE001 - see above
            _log.error("alert_not_recorded", fingerprint=alert.fingerprint, exc_info=True)
            return False
        return True

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

    async def _fires(self, alert: Alert, known: Known, seen: Seen, now: datetime) -> None:
        """Records an alert that Alertmanager lists; what is recorded of it already costs no question."""
        firing = firing_of(alert)
        self._ends[firing.id] = alert.ends_at

        def change(record: AlertRecord) -> AlertRecord:
            record = life.reopened(record, alert.updated_at)
            silences = fitting(seen.silences, record, alert.labels, alert.status.silenced_by)
            return life.inhibited(life.silenced(record, silences), alert.status.inhibited_by, now)

        records = known.of(alert.fingerprint)
        for older in [each for each in records if each.id < firing.id]:
            known.put(await self._history.ended_by(older, firing, seen.gap_before(firing)))
        record = next((each for each in records if each.id == firing.id), None)
        if record is None or change(life.with_annotations(record, alert.annotations)) != record:
            known.put(await self._history.apply(firing, change))

    async def _happened(self, episode: Episode, known: Known, seen: Seen) -> None:
        """Records an alert that Prometheus remembers, its waiting time and its end."""
        record = await self._about(episode, known)
        if record is None:
            return

        def change(record: AlertRecord) -> AlertRecord:
            if episode.pending_at is not None and episode.begin == record.started_at:
                record = life.pended(record, episode.pending_at)
            if episode.end is not None and record.id not in seen.listed:
                record = life.resolved(record, episode.end, Source.PROMETHEUS)
            return life.silenced(record, fitting(seen.silences, record, episode.labels))

        if change(record) != record and (changed := await self._history.amend(record.id, change)):
            known.put(changed)

    async def _about(self, episode: Episode, known: Known) -> AlertRecord | None:
        """Returns the record of an episode, a new one if there is none and its beginning is known."""
        found = next((each for each in known.of(episode.fingerprint) if covers(each, episode)), None)
        if found is not None or episode.begin is None:
            return found
        stored = await self._history.repository.of(episode.fingerprint, 5)
        found = next((each for each in stored if covers(each, episode)), None)
        firing = Firing(episode.fingerprint, episode.labels, {}, episode.begin, Source.PROMETHEUS)
        return found or await self._history.apply(firing)

    async def _end_missing(
        self, records: Known, seen: Seen, latest: Mapping[str, Episode], now: datetime
    ) -> None:
        """Ends what neither program knows any more: alerts that others post, or whose rule was removed."""
        if seen.alerts is None or not seen.is_up_to_date:
            return
        still: dict[str, datetime] = {}
        for record in [each for each in records if each.is_open and each.id not in seen.listed]:
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
