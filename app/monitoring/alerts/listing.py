"""Finds the alerts that the API shows: in Alertmanager, in Prometheus and in the history."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final, TypeVar

from fastapi import Depends

from app.core.errors import DatabaseUnavailable, NotFound
from app.infra.stores import Alertmanager
from app.infra.stores.alertmanager import Alert, Silence
from app.monitoring.alerts.filters import AlertFilters
from app.monitoring.alerts.records import AlertRecord, AlertState
from app.monitoring.alerts.repository import HistoryQuery
from app.monitoring.alerts.shapes import AlertOut, AlertsOut, of_alert, of_pending, of_record
from app.monitoring.alerts.webhook import History
from app.monitoring.asked import AskedStores
from app.monitoring.log_cursor import question_of
from app.monitoring.log_records import nanoseconds
from app.monitoring.pages import cursor_of, key_of, page
from app.monitoring.partial import Sources

_LAST: Final = 2**63
SEVERITIES: Final = ("page", "warning", "info", "none")
"""The most severe first; an unknown severity comes last."""
_AHEAD: Final = timedelta(days=1)  # other clocks may be ahead
_Found = TypeVar("_Found")


class AlertUnknown(NotFound):
    """Nothing is recorded of this alert."""

    code = "alert_unknown"
    title = "Alert unknown"
    sentence = "No alert {alert} fires, and none is in the history."
    example = {"alert": "20260105t090000000-3f9ad2c4b1e05d6f"}  # noqa: RUF012 - as its parents'


class AlertFinder:
    """Lists alerts for one request, and knows which of its sources were away."""

    def __init__(self, stores: AskedStores, history: History) -> None:
        self._stores = stores
        self._history = history
        self._sources = Sources()

    async def page(self, filters: AlertFilters) -> AlertsOut:
        """Returns a page of the alerts that the filters pick.

        Raises:
            CursorInvalid: The cursor is none, or one of other filters.
            Invalid: The range of time ends before it begins.
        """
        filters.require_order()
        if filters.state is AlertState.RESOLVED:
            return await self._resolved(filters)
        pending = filters.state is AlertState.PENDING
        found = await (self._pending() if pending else self.firing())
        question = question_of(filters.question())
        listed = page(filter(filters.fits, found), _key, question, filters.cursor, filters.limit)
        return self._page(listed.items, listed.next_cursor)

    async def one(self, alert_id: str) -> AlertOut:
        """Returns the alert of this id, or the last one of this fingerprint.

        Raises:
            AlertUnknown: There is none.
            DatabaseUnavailable: It does not fire, and the history cannot be read.
        """
        firing = await self.firing()
        if found := next((each for each in firing if alert_id in {each.id, each.fingerprint}), None):
            return found
        return of_record(await recorded(self._history, alert_id))

    async def firing(self) -> list[AlertOut]:
        """Returns the alerts that fire: from Alertmanager with their history, or else from the history."""
        (alerts, silences), records = await asyncio.gather(
            self._asked(), self._database(self._history.repository.open(), ())
        )
        by_id = {each.id: each for each in records}
        if alerts is None:
            return [of_record(each) for each in records]
        return [_shown(each, silences, by_id) for each in alerts]

    async def _asked(self) -> tuple[Sequence[Alert] | None, Mapping[str, Silence]]:
        alertmanager: Alertmanager | None = self._stores.alertmanager
        if alertmanager is None:
            self._sources.not_configured("alertmanager")
            return None, {}
        alerts, silences = await asyncio.gather(
            self._sources.ask(alertmanager.alerts(), None), self._sources.ask(alertmanager.silences(), [])
        )
        return alerts, {each.id: each for each in silences}

    async def _pending(self) -> list[AlertOut]:
        prometheus = self._stores.prometheus
        if prometheus is None:
            self._sources.not_configured("prometheus")
            return []
        found = await self._sources.ask(prometheus.alerts(), [])
        return [of_pending(each) for each in found if each.state == "pending"]

    async def _resolved(self, filters: AlertFilters) -> AlertsOut:
        question = question_of(filters.question())
        equal = {"severity": filters.severity, "alertname": filters.alertname, "is_test": filters.test}
        query = HistoryQuery(
            begin=max(filters.begin or self._history.oldest(), self._history.oldest()),
            end=filters.end or self._history.clock.now() + _AHEAD,
            equal={name: value for name, value in equal.items() if value is not None} | {"is_open": False},
            before=None if filters.cursor is None else key_of(filters.cursor, question)[0],
        )
        found = await self._database(self._history.repository.find(query, filters.limit + 1), [])
        shown = found[: filters.limit]
        following = cursor_of(question, (shown[-1].id,)) if len(found) > filters.limit else None
        return self._page([of_record(each) for each in shown], following)

    async def _database(self, answer: Awaitable[_Found], default: _Found) -> _Found:
        try:
            return await answer
        except DatabaseUnavailable:
            self._sources.lacks("database", "does not answer")
            return default

    def _page(self, alerts: list[AlertOut], cursor: str | None) -> AlertsOut:
        return AlertsOut(alerts=alerts, next_cursor=cursor, **dict(self._sources.account()))


Finder = Annotated[AlertFinder, Depends()]


async def recorded(history: History, alert_id: str) -> AlertRecord:
    """Returns the record of this id, or the last one of this fingerprint.

    Raises:
        AlertUnknown: There is none.
        DatabaseUnavailable: The database does not answer.
    """
    if "-" in alert_id:
        record = await history.repository.get(alert_id)
    else:
        record = next(iter(await history.repository.of(alert_id, 1)), None)
    if record is None:
        raise AlertUnknown(alert=alert_id)
    return record


def _shown(alert: Alert, silences: Mapping[str, Silence], records: Mapping[str, AlertRecord]) -> AlertOut:
    plain = of_alert(alert, silences, None)
    record = records.get(plain.id or "")
    return plain if record is None else of_alert(alert, silences, record)


def _key(alert: AlertOut) -> tuple[str, str, str]:
    severity = alert.severity or ""
    rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
    return str(rank), f"{_LAST - nanoseconds(alert.started_at):020d}", alert.fingerprint
