"""Makes each step of an alert's life known once: a log event, metrics, and Sentry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.core.errors import DatabaseUnavailable
from app.core.telemetry import (
    ALERT_FLAPS,
    ALERT_TIME_TO_ACKNOWLEDGE,
    ALERT_TIME_TO_NOTIFY,
    ALERT_TIME_TO_RESOLVE,
    ALERT_TRANSITIONS,
    ALERTS_UNATTENDED,
)
from app.monitoring.alerts import life
from app.monitoring.alerts.records import AlertRecord, Kind, Transition
from app.monitoring.alerts.repository import AlertRepository
from app.monitoring.alerts.sentry import Sentry
from otel import get_logger

LATE: Final = timedelta(seconds=30)
"""Longer than a write may take, so that nobody announces what its own process is about to."""
MOST_UNMARKED: Final = 2000
_FLAT: Final = ("", None)
_log = get_logger(service="alerts")


class Announcer:
    """Announces each step, and marks it as said: what stays without its mark is announced later.

    So a step is announced once by all processes, though the answer to its write be lost, or its process be
    killed. It is announced twice if a process is killed between the announcement and the mark.
    """

    def __init__(self, repository: AlertRepository) -> None:
        self._repository = repository
        self._sentry = Sentry()
        self._unmarked: dict[str, set[tuple[Kind, str | None]]] = {}
        self._waiting: dict[str, datetime] = {}

    def report(self, record: AlertRecord) -> None:
        """Tells Sentry of an alert that the database does not take now."""
        for step in record.transitions:
            self._sentry.tell(record, step)

    async def stored(self, before: AlertRecord | None, after: AlertRecord) -> None:
        """Announces what ``after`` has and ``before`` had not; to be called by the process that stored it."""
        steps = life.new_steps(before, after)
        self._announce(before, after, steps)
        if steps:
            await self._mark(after.id, steps)

    async def late(self, now: datetime) -> None:
        """Announces what its own process has not announced for half a minute.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        found = await self._repository.unsaid()
        self._waiting = {each.id: self._waiting.get(each.id, now) for each in found}
        for record in found:
            if now - self._waiting[record.id] < LATE:
                continue
            known = life.said(record, self._unmarked.get(record.id, set()))
            steps = [each for each in known.transitions if not each.said]
            self._announce(life.as_said(known), known, steps)
            await self._mark(record.id, steps)

    async def _mark(self, alert_id: str, steps: Iterable[Transition]) -> None:
        keys = self._unmarked.setdefault(alert_id, set())
        keys.update(each.key for each in steps)
        if len(self._unmarked) > MOST_UNMARKED:  # the oldest one may be announced twice
            del self._unmarked[next(iter(self._unmarked))]
        try:
            await self._repository.change(alert_id, lambda record: record and life.said(record, keys))
        except DatabaseUnavailable:
            return  # `late` does it
        self._unmarked.pop(alert_id, None)

    def _announce(self, before: AlertRecord | None, after: AlertRecord, steps: Sequence[Transition]) -> None:
        """Alerts that were sent to try the channels are logged and reported, but not counted."""
        for step in steps:
            _log_step(after, step)
            self._sentry.tell(after, step)
            if not after.is_test:
                ALERT_TRANSITIONS.add(1, {"kind": step.kind.value, "severity": after.severity})
        if not after.is_test:
            _measure(before, after)
            if after.flapping and any(each.kind is Kind.FIRING for each in steps):
                ALERT_FLAPS.add(1, {"severity": after.severity})


def _log_step(record: AlertRecord, step: Transition) -> None:
    facts = {
        "alert_id": record.id,
        "alertname": record.alertname,
        "severity": record.severity,
        "alert_service": record.service_name,
        "at": step.at.isoformat(),
        "reference": step.reference,
        "by": step.by,
        "why": step.why,
        "test": "true" if record.is_test else None,
    }
    write = _log.warning if record.severity == "page" and step.kind is Kind.FIRING else _log.info
    write(f"alert_{step.kind}", **{name: value for name, value in facts.items() if value not in _FLAT})


def _measure(before: AlertRecord | None, after: AlertRecord) -> None:
    severity = {"severity": after.severity}
    for metric, name in (
        (ALERT_TIME_TO_NOTIFY, "notified_at"),
        (ALERT_TIME_TO_ACKNOWLEDGE, "acknowledged_at"),
        (ALERT_TIME_TO_RESOLVE, "resolved_at"),
    ):
        moment = getattr(after, name)
        if moment is not None and (before is None or getattr(before, name) is None):
            # Clocks differ: nobody was notified before the alert fired.
            metric.record(max((moment - after.started_at).total_seconds(), 0), severity)
    ended = not after.is_open and (before is None or before.is_open)
    if ended and after.notified_at and not after.acknowledged_at and not after.comments:
        ALERTS_UNATTENDED.add(1, severity)
