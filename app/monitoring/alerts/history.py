"""Records what happens to alerts, whoever reports it; what the database does not take is retried."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable
from app.core.telemetry import ALERT_NOTIFICATIONS
from app.monitoring.alerts import life
from app.monitoring.alerts.announce import Announcer
from app.monitoring.alerts.life import Firing
from app.monitoring.alerts.payload import Notice
from app.monitoring.alerts.records import AlertRecord, Source
from app.monitoring.alerts.repository import AlertRepository
from otel import get_logger

MOST_POSTPONED: Final = 2000
LONGEST_WRITE: Final = 20.0
"""Seconds after which Alertmanager is asked to come again; it waits for ``group_interval``, minutes."""
FLAP: Final = timedelta(minutes=15)
_AT_ONCE: Final = 8
_BESIDE: Final = 5  # records of the same alert that are asked for its last end and its next beginning
_log = get_logger(service="alerts")


class AlertHistory:
    """The history of alerts: every change is announced by the process that stored it."""

    def __init__(self, repository: AlertRepository, clock: Clock, *, days: int) -> None:
        self.repository = repository
        self.clock = clock
        self._kept = timedelta(days=days)
        self._announcer = Announcer(repository)
        self._postponed: deque[Notice] = deque(maxlen=MOST_POSTPONED)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def receive(self, notices: Iterable[Notice]) -> None:
        """Records notifications; returns once they are stored.

        Raises:
            DatabaseUnavailable: Some are not. Alertmanager repeats them, and this process retries them with
                the time at which they arrived, so that whoever comes first is right.
        """
        tasks = {asyncio.create_task(self._attempt(each)): each for each in notices}
        done, late = await asyncio.wait(tasks, timeout=LONGEST_WRITE)
        for task in late:
            task.cancel()
        if failed := [tasks[task] for task in late] + [tasks[task] for task in done if not task.result()]:
            self._postpone(failed)
            raise DatabaseUnavailable

    def _postpone(self, notices: Sequence[Notice]) -> None:
        waiting = set(map(_identity, self._postponed))
        fresh = [each for each in notices if _identity(each) not in waiting]
        for each in fresh:  # Sentry hears of an alert without the database, all the more if it is about it
            self._announcer.report(_with_notice(life.begun(each.firing), each))
        dropped = max(len(self._postponed) + len(fresh) - MOST_POSTPONED, 0)
        self._postponed.extend(fresh)
        ALERT_NOTIFICATIONS.add(len(fresh), {"outcome": "postponed"})
        if dropped:
            ALERT_NOTIFICATIONS.add(dropped, {"outcome": "dropped"})
            _log.error("alert_notifications_dropped", alerts=dropped)

    async def retry(self) -> None:
        """Records what was postponed, the oldest first, until the database fails again."""
        while self._postponed:
            notice = self._postponed[0]
            if not await self._attempt(notice):
                return
            if self._postponed and self._postponed[0] is notice:
                self._postponed.popleft()

    async def _attempt(self, notice: Notice) -> bool:
        try:
            async with self._turns:
                await self.apply(notice.firing, lambda record: _with_notice(record, notice))
        except DatabaseUnavailable:
            return False
        except Exception:  # noqa: BLE001 - repeating it would stop all that come after it
            _log.error("alert_not_recorded", fingerprint=notice.firing.fingerprint, exc_info=True)
            ALERT_NOTIFICATIONS.add(1, {"outcome": "refused"})
            return True
        ALERT_NOTIFICATIONS.add(1, {"outcome": "recorded"})
        return True

    async def apply(
        self, firing: Firing, change: Callable[[AlertRecord], AlertRecord] = lambda record: record
    ) -> AlertRecord:
        """Changes the record of an alert, which is made if there is none, and announces what is new.

        Raises:
            DatabaseUnavailable: It is not stored.
        """
        first: AlertRecord | None = None

        def changed(record: AlertRecord | None) -> AlertRecord:
            known = record or first or life.begun(firing)
            return change(life.with_annotations(known, firing.annotations))

        if await self.repository.get(firing.id) is None:
            first = await self._first(firing)
        found = await self.repository.change(firing.id, changed)
        return await self._announced(found.before, found.after)

    async def amend(self, alert_id: str, change: Callable[[AlertRecord], AlertRecord]) -> AlertRecord | None:
        """Changes a record and announces what is new; returns None if there is no such record.

        Raises:
            DatabaseUnavailable: It is not stored.
        """
        found = await self.repository.change(alert_id, lambda record: record and change(record))
        return None if found.after is None else await self._announced(found.before, found.after)

    async def _announced(self, before: AlertRecord | None, after: AlertRecord | None) -> AlertRecord:
        if after is None:
            raise AssertionError("a change that makes a record returns one")
        if after != before:
            await self._announcer.stored(before, after)
        return after

    async def announce_late(self) -> None:
        """Announces what was stored by a process that did not come to announce it.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        await self._announcer.late(self.clock.now())

    async def _first(self, firing: Firing) -> AlertRecord:
        """Returns what is known of an alert that has no record: it ended where it fired again afterwards.

        The time before ends where this one begins, unless its end is known.
        """
        others = await self.repository.of(firing.fingerprint, _BESIDE)
        before = [await self.ended_by(each, firing) for each in others if each.id < firing.id]
        ends = [each.resolved_at for each in before if each.resolved_at is not None]
        flaps = any(firing.started_at - each < FLAP for each in ends)
        record = life.begun(firing).model_copy(update={"flapping": flaps})
        after = min((each.started_at for each in others if each.id > firing.id), default=None)
        return record if after is None else life.resolved(record, after, Source.PLATFORM)

    async def ended_by(self, record: AlertRecord, later: Firing, at: datetime | None = None) -> AlertRecord:
        """Ends a record whose alert fires ``later`` again: at that moment, or where the samples show it.

        Raises:
            DatabaseUnavailable: It is not stored.
        """
        if not record.is_open:
            return record
        source = Source.PLATFORM if at is None else Source.PROMETHEUS
        ended = await self.amend(record.id, lambda each: life.resolved(each, at or later.started_at, source))
        return ended or record

    async def expire(self) -> None:
        """Removes what is older than the history is kept, by whole months."""
        if removed := await self.repository.expire(self.clock.now() - self._kept):
            _log.info("alert_history_expired", removed=removed)

    def oldest(self) -> datetime:
        """Returns the moment before which nothing is kept."""
        return self.clock.now() - self._kept


def _with_notice(record: AlertRecord, notice: Notice) -> AlertRecord:
    is_over = notice.resolved_at is not None
    record = life.notified(record, notice.receiver, notice.at, resolved=is_over)
    if notice.resolved_at is None:
        return record
    return life.resolved(record, notice.resolved_at, Source.ALERTMANAGER)


def _identity(notice: Notice) -> tuple[str, str, bool]:
    return notice.firing.id, notice.receiver, notice.resolved_at is not None
