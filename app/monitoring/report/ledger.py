"""Whose turn it is to send a report, kept in the database for all processes and instances."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.core.clock import Clock
from app.infra.mongo import Collection, Database, DuplicateId
from app.monitoring.report.period import Cadence
from otel import get_logger

LEASE: Final = timedelta(minutes=10)
_log = get_logger("report")


@dataclass(frozen=True, slots=True)
class Turn:
    """This process' turn to send a report.

    ``attempt`` counts from 1; ``first_at`` is when the first began. ``waiting`` are the recipients that are
    left, None for all.
    """

    name: str
    attempt: int
    first_at: datetime
    waiting: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn: facts for the report's document; ``is_final`` if there is nothing left to send."""

    facts: Mapping[str, Any]
    is_final: bool


class Ledger:
    """A document per report, with a natural id; ``over`` says that nobody has to send it any more."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._reports: Collection = database.collection("reports")
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._over = dict.fromkeys(Cadence, "")

    def is_over(self, name: str, cadence: Cadence) -> bool:
        """Whether this process knows that the report is sent or left out; asks nobody."""
        return self._over[cadence] == name

    async def take(self, name: str, cadence: Cadence) -> Turn | None:
        """Returns this process' turn; None if it is over, another's, or not yet time.

        The report that is due at the first start of all is left out: it is about a time without the platform,
        or without a reader.
        """
        now = self._clock.now()
        mine = {"by": self._me, "until": now + LEASE}
        found = await self._reports.find_one({"_id": name})
        if found is None:
            return await self._begin({"_id": name, "cadence": cadence.value, **mine}, now)
        if found["over"] is not None:
            self._over[cadence] = name
            return None
        if found["until"] > now:
            return None
        attempts = int(found["attempts"])
        # The number is compared, so of two that read the same document one takes it.
        where = {"_id": name, "attempts": attempts, "over": None}
        taken = await self._reports.update(where, {"$set": {**mine, "attempts": attempts + 1}})
        waiting = None if found["waiting"] is None else tuple(found["waiting"])
        return Turn(name, attempts + 1, found["first_at"], waiting) if taken else None

    async def note(self, name: str, cadence: Cadence, outcome: Outcome) -> None:
        """Notes what came of a turn; that all is sent counts even if another has taken over meanwhile."""
        where = {"_id": name} if outcome.is_final else {"_id": name, "by": self._me}
        over = "sent" if outcome.is_final else None
        await self._reports.update(where, {"$set": {**outcome.facts, "over": over}})
        if outcome.is_final:
            self._over[cadence] = name

    async def _begin(self, document: dict[str, Any], now: datetime) -> Turn | None:
        is_first = not await self._reports.find({"cadence": document["cadence"]}, limit=1)
        over = "left out" if is_first else None
        try:
            await self._reports.insert(
                {**document, "attempts": 1, "first_at": now, "waiting": None, "over": over}
            )
        except DuplicateId:
            return None
        if is_first:
            _log.info("report_left_out", report=document["_id"], reason="reports begin with the next period")
            return None
        return Turn(document["_id"], 1, now, None)
