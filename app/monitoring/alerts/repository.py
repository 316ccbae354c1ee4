"""The stored history of alerts, and which instance keeps it up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from app.core.errors import DatabaseUnavailable
from app.infra.mongo import Database, Document, DuplicateId, Index
from app.monitoring.alerts.records import AlertRecord, month_of, stamp
from otel import get_logger

Change = Callable[[AlertRecord | None], AlertRecord | None]
_TRIES: Final = 20
_MONTH_DIGITS: Final = 6  # year and month, with which an id begins
_RECONCILER: Final = "reconciler"
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)
_log = get_logger(service="alerts")


@dataclass(frozen=True, slots=True)
class Found:
    """A record before and after a change; the same twice if there was nothing to do."""

    before: AlertRecord | None
    after: AlertRecord | None


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which records to list: ``equal`` has the value of each field; ``begin`` to ``end`` is half-open."""

    begin: datetime
    end: datetime
    equal: Mapping[str, Any] = field(default_factory=dict)
    before: str | None = None


class AlertRepository:
    """Stores records; each change is one conditional write, so that none is lost or made twice."""

    def __init__(self, database: Database) -> None:
        self._alerts = database.collection(
            "alerts",
            Index(("month", "_id")),
            Index(("fingerprint", "_id")),
            *map(Index, (("is_open",), ("is_said",))),
        )

    async def get(self, alert_id: str) -> AlertRecord | None:
        """Returns the record of this id."""
        document = await self._alerts.find_one({"_id": alert_id})
        return None if document is None else AlertRecord.read(document)

    async def of(self, fingerprint: str, limit: int) -> list[AlertRecord]:
        """Returns the last records of an alert, the newest first."""
        found = await self._alerts.find({"fingerprint": fingerprint}, sort=[("_id", -1)], limit=limit)
        return await _readable(found)

    async def open(self) -> list[AlertRecord]:
        """Returns the records of all alerts that have not ended."""
        return await _readable(await self._alerts.find({"is_open": True}))

    async def unsaid(self) -> list[AlertRecord]:
        """Returns the records with steps that are not announced."""
        return await _readable(await self._alerts.find({"is_said": False}))

    async def change(self, alert_id: str, change: Change) -> Found:
        """Applies ``change`` to a record, or to None if there is none, and stores what it returns.

        It is called again if somebody else changed the record meanwhile, so it must be pure. Nothing is
        stored if it returns None or the same record.

        Raises:
            DatabaseUnavailable: The database does not answer, or too many others change this record.
        """
        for _ in range(_TRIES):
            before = await self.get(alert_id)
            after = change(before)
            if after is None or after == before or await self._stored(before, after):
                return Found(before, after)
        raise DatabaseUnavailable

    async def _stored(self, before: AlertRecord | None, after: AlertRecord) -> bool:
        if before is None:
            try:
                await self._alerts.insert(after.document())
            except DuplicateId:
                return False
            return True
        fields = {**after.document(), "version": before.version + 1}
        where = {"_id": fields.pop("_id"), "version": before.version}
        return await self._alerts.update(where, {"$set": fields})

    async def find(self, query: HistoryQuery, limit: int) -> list[AlertRecord]:
        """Returns at most ``limit`` records, those that fired last first.

        A month is read by itself, because FerretDB answers equalities from its index but scans for a range.
        """
        below = min(stamp(query.end), query.before or stamp(query.end))
        oldest, month = stamp(query.begin), below[:_MONTH_DIGITS]
        this_month = {"month": f"{month[:4]}-{month[4:]}", "_id": {"$gte": oldest, "$lt": below}}
        found = await self._newest({**query.equal, **this_month}, limit)
        if len(found) < limit and oldest < month:
            earlier = {**query.equal, "_id": {"$gte": oldest, "$lt": month}}
            found += await self._newest(earlier, limit - len(found))
        return found

    async def _newest(self, where: Mapping[str, Any], limit: int) -> list[AlertRecord]:
        documents = await self._alerts.find(where, sort=[("_id", -1)], limit=limit)
        return await _readable(documents)

    async def expire(self, before: datetime) -> int:
        """Removes the alerts that fired in a month before that of ``before`` and have ended."""
        return await self._alerts.delete_all({"is_open": False, "month": {"$lt": month_of(before)}})


async def _readable(documents: Iterable[Document]) -> list[AlertRecord]:
    """Returns the records but those of another version of the platform that this one cannot read."""
    found: list[AlertRecord] = []
    for document in documents:
        await asyncio.sleep(0)  # reading a thousand takes seconds, in which requests are answered
        try:
            found.append(AlertRecord.read(document))
        except ValidationError as error:
            _log.warning("alert_record_unreadable", alert_id=document["_id"], mistakes=error.error_count())
    return found


class ReconcilerLease:
    """Lets one instance at a time reconcile, and knows up to which moment the history is complete.

    Two instances at once would be slow, not wrong: a change is stored once.
    """

    def __init__(self, database: Database, holder: str, lasting: timedelta) -> None:
        self._leases = database.collection("alert_leases")
        self._holder = holder
        self._lasting = lasting

    async def take(self, now: datetime) -> bool:
        """Returns whether this instance reconciles: it did so last, or whoever did has stopped."""
        found = await self._leases.find_one({"_id": _RECONCILER})
        wanted = {"holder": self._holder, "until": now + self._lasting}
        if found is None:
            try:
                await self._leases.insert({"_id": _RECONCILER, "complete_until": None, **wanted})
            except DuplicateId:
                return False
            return True
        if found["holder"] != self._holder and found["until"] > now:
            return False
        where = {"_id": _RECONCILER, "holder": found["holder"], "until": found["until"]}
        return await self._leases.update(where, {"$set": wanted})

    async def complete_until(self) -> datetime | None:
        """Returns up to when nothing is missing, in Prometheus' time; None at the first start."""
        found = await self._leases.find_one({"_id": _RECONCILER})
        return None if found is None else found["complete_until"]

    async def completed(self, until: datetime) -> None:
        """Notes that nothing is missing up to a moment in Prometheus' time."""
        where = {"_id": _RECONCILER, "holder": self._holder}
        await self._leases.update(where, {"$set": {"complete_until": until}})

    async def release(self) -> None:
        """Lets the next instance reconcile at once."""
        where = {"_id": _RECONCILER, "holder": self._holder}
        await self._leases.update(where, {"$set": {"holder": "", "until": _LONG_AGO}})
