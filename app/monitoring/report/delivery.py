"""Sends each period's report once, however many processes and instances run.

A document per report, with a natural id, says who sends it: whoever inserted it, or took it over after its
lease. Once the mail server has taken the mail, the document says so for good. If a process dies between,
the mail goes out once more with the same Message-ID, and mail programs show it once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.infra.mongo import Collection, Database, DuplicateId
from app.monitoring.report.content import Report
from app.monitoring.report.mail import MailNotSent, MailServer, message_of
from app.monitoring.report.period import Cadence, Period, last_period
from otel import get_logger

CHECK_SECONDS: Final = 60.0
LEASE: Final = timedelta(minutes=10)
_LONGEST_WAIT: Final = timedelta(hours=1)
_log = get_logger("report")


class Reports:
    """The reports that settings ask for.

    ``gather`` makes the report of a period; ``server`` takes the mail.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: Settings,
        gather: Callable[[Period], Awaitable[Report]],
        server: MailServer | None = None,
    ) -> None:
        self._sent: Collection = database.collection("reports")
        self._clock = clock
        self._settings = settings
        self._gather = gather
        self._server = server or MailServer.of(settings)
        self._zone = ZoneInfo(settings.report_time_zone)
        self._me = secrets.token_hex(8)
        self._done = dict.fromkeys(Cadence, "")

    async def send_due(self) -> None:
        """Sends what is due and nobody has sent; what the mail server does not take is tried again later.

        A database that does not answer delays the report: the next call finds out.
        """
        for cadence in self._cadences():
            period = last_period(cadence, self._clock.now(), self._zone, self._settings.report_hour)
            name = f"report:{cadence}:{period.name}"
            if self._done[cadence] == name:
                continue
            try:
                await self._attempt(name, period)
            except DatabaseUnavailable:
                _log.warning("report_waits_for_database", report=name)

    def _cadences(self) -> list[Cadence]:
        if not self._settings.report_to:
            return []
        wanted = {
            Cadence.WEEKLY: self._settings.report_weekly,
            Cadence.MONTHLY: self._settings.report_monthly,
        }
        return [cadence for cadence, is_wanted in wanted.items() if is_wanted]

    async def _attempt(self, name: str, period: Period) -> None:
        attempt = await self._claim(name, period.cadence)
        if attempt is None:
            return
        report = await self._gather(period)
        message = message_of(report, self._settings.smtp_from, self._settings.report_to, self._clock.now())
        try:
            refused = await asyncio.to_thread(self._server.send, message)
        except MailNotSent as error:
            wait = min(timedelta(minutes=2 ** min(attempt, 10)), _LONGEST_WAIT)
            await self._note(name, {"until": self._clock.now() + wait, "error": str(error)})
            _log.error("report_not_sent", report=name, reason=str(error), attempt=attempt)
            return
        await self._note(name, {"sent_at": self._clock.now(), "refused": refused, "error": None})
        self._done[period.cadence] = name
        _log.info("report_sent", report=name, refused=len(refused), attempt=attempt)

    async def _claim(self, name: str, cadence: Cadence) -> int | None:
        """Returns the number of the attempt, from 1; None if it is sent, another's, or not yet time."""
        now = self._clock.now()
        mine = {"by": self._me, "until": now + LEASE}
        found = await self._sent.find_one({"_id": name})
        if found is None:
            return 1 if await self._insert({"_id": name, "attempts": 1, "sent_at": None, **mine}) else None
        if found["sent_at"] is not None:
            self._done[cadence] = name
            return None
        if _time(found["until"]) > now:
            return None
        attempts = int(found["attempts"])
        # The number is compared, so of two that read the same document one takes it.
        where = {"_id": name, "attempts": attempts, "sent_at": None}
        taken = await self._sent.update(where, {"$set": {**mine, "attempts": attempts + 1}})
        return attempts + 1 if taken else None

    async def _insert(self, document: dict[str, Any]) -> bool:
        try:
            await self._sent.insert(document)
        except DuplicateId:
            return False
        return True

    async def _note(self, name: str, facts: dict[str, Any]) -> None:
        await self._sent.update({"_id": name, "by": self._me}, {"$set": facts})


def _time(value: Any) -> datetime:  # noqa: ANN401 - what the database returns
    assert isinstance(value, datetime)  # noqa: S101 - narrows the type; only this module writes it
    return value
