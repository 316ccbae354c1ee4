"""What admins did: one log event each and one document each, kept for a bounded time.

An entry's `_id` begins with the time, and `month` is an equality that finds a part of them: FerretDB answers
equalities from its index but reads everything for a range. So a page's newest month is read first, by itself.
If it has too few entries, one query reads the older ones by `_id`: MongoDB from its index, FerretDB all.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from app.core.addresses import coarse
from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable
from app.core.records import Record
from app.infra.mongo import Database, Filter, Index
from otel import get_logger

ENTRY_ID: Final = re.compile(r"\d{8}t\d{9}-\d{4}-[0-9a-f]{8}")
_SAME_MOMENT: Final = 10_000
_MONTH_DIGITS: Final = 6  # year and month, with which an id begins
_numbers = count()
_log = get_logger("audit")


class AuditEntry(Record):
    """One thing that an admin did; ``details`` are names and values in text."""

    month: str
    at: datetime
    action: str
    actor: str
    address: str
    target: str
    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries to list: ``equal`` has the value of each field that must match; times are half-open."""

    equal: Mapping[str, str] = field(default_factory=dict)
    begin: datetime | None = None
    end: datetime | None = None
    before: str | None = None


class AuditLog:
    """Records who did what, when and from where; entries older than ``days`` are removed by whole months."""

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._entries = database.collection("audit", Index(("month", "_id")))
        self._clock = clock
        self._kept = timedelta(days=days)

    async def record(
        self, action: str, actor: str, address: str, target: str, details: Mapping[str, str]
    ) -> None:
        """Records that ``actor`` did ``action`` to ``target`` from the network ``address``.

        The action has been done, so a database that does not answer fails nothing: the log event says so. The
        log has a shortened address, because logs leave the platform.
        """
        now = self._clock.now()
        entry = AuditEntry(
            id=f"{_stamp(now)}-{next(_numbers) % _SAME_MOMENT:04d}-{secrets.token_hex(4)}",
            month=_month(now),
            at=now,
            action=action,
            actor=actor,
            address=address,
            target=target,
            details=dict(details),
        )
        stored = await self._store(entry)
        told = {"action": action, "actor": actor, "target": target, "client.address": coarse(address)}
        _log.warning(
            "audit", **told, **{f"audit.{key}": value for key, value in details.items()}, stored=stored
        )

    async def _store(self, entry: AuditEntry) -> bool:
        try:
            await self._entries.insert(entry.document())
        except DatabaseUnavailable:
            return False
        return True

    async def find(self, query: AuditQuery, limit: int) -> list[AuditEntry]:
        """Returns at most ``limit`` entries that match ``query``, newest first.

        Raises:
            DatabaseUnavailable: The database does not answer.
        """
        now = self._clock.now()
        first, last = now - self._kept, now + timedelta(days=1)  # other clocks may be ahead
        begin = min(max(query.begin or first, first), last)
        end = min(max(query.end or last, first), last)
        below = min(_stamp(end), query.before or _stamp(end))
        oldest, month = _stamp(begin), below[:_MONTH_DIGITS]
        where = {**query.equal, "month": f"{month[:4]}-{month[4:]}", "_id": {"$gte": oldest, "$lt": below}}
        found = await self._newest(where, limit)
        if len(found) < limit and oldest < month:  # a limit of zero would be none
            where = {**query.equal, "_id": {"$gte": oldest, "$lt": month}}
            found += await self._newest(where, limit - len(found))
        return found

    async def _newest(self, where: Filter, limit: int) -> list[AuditEntry]:
        documents = await self._entries.find(where, sort=[("_id", -1)], limit=limit)
        return [AuditEntry.read(document) for document in documents]

    async def expire(self) -> None:
        """Removes the months that have ended longer ago than entries are kept."""
        oldest = _month(self._clock.now() - self._kept)
        if removed := await self._entries.delete_all({"month": {"$lt": oldest}}):
            _log.info("audit_expired", before=oldest, removed=removed)


def _stamp(moment: datetime) -> str:
    """Returns a moment as text that sorts as time does."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y%m%dt%H%M%S}{utc.microsecond // 1000:03d}"


def _month(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"
