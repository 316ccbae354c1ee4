"""Sends each period's report once, however many processes and instances run.

The ledger says who sends it: whoever took the turn, or took it over after its lease. Once the mail server has
taken the mail, the ledger says so for good. If a process dies between, the mail goes out once more with the
same Message-ID, and mail programs show it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.core.settings.report import addresses
from app.infra.mongo import Database
from app.monitoring.report.content import Report
from app.monitoring.report.ledger import Ledger, Outcome, Turn
from app.monitoring.report.mail import MailNotSent, MailServer, message_of
from app.monitoring.report.period import Cadence, Period, last_period
from otel import get_logger

CHECK_SECONDS: Final = 60.0
PATIENCE: Final = timedelta(hours=6)
"""How long a report waits for a store that does not answer before it is sent with a gap."""
_LONGEST_WAIT: Final = timedelta(hours=1)
_REFUSED_FOR_GOOD: Final = 500  # RFC 5321, 4.2.1
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
        self._ledger = Ledger(database, clock)
        self._clock = clock
        self._settings = settings
        self._gather = gather
        self._server = server or MailServer.of(settings)
        self._zone = ZoneInfo(settings.report_time_zone)
        self._unnoted: dict[str, Outcome] = {}

    async def send_due(self) -> None:
        """Sends what is due and nobody has sent; what the mail server does not take is tried again later.

        A database that does not answer delays the report, or the note that it is sent: the next call sees.
        """
        for cadence in self._cadences():
            period = last_period(cadence, self._clock.now(), self._zone, self._settings.report_hour)
            name = f"report:{cadence}:{period.name}"
            if self._ledger.is_over(name, cadence):
                continue
            try:
                await self._work_on(name, period)
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

    async def _work_on(self, name: str, period: Period) -> None:
        # An outcome is kept until it is noted: a mail that is sent must not be sent again for want of a note.
        if name not in self._unnoted:
            turn = await self._ledger.take(name, period.cadence)
            if turn is None:
                return
            self._unnoted[name] = await self._attempt(turn, period)
        await self._ledger.note(name, period.cadence, self._unnoted[name])
        del self._unnoted[name]

    async def _attempt(self, turn: Turn, period: Period) -> Outcome:
        report = await self._gather(period)
        if report.unanswered and self._clock.now() < turn.first_at + PATIENCE:
            reason = " ".join(report.unanswered)
            _log.warning("report_waits_for_stores", report=turn.name, reason=reason, attempt=turn.attempt)
            return self._later(turn, error=reason)
        wanted = addresses(self._settings.report_to)
        left = [each for each in wanted if turn.waiting is None or each in turn.waiting]
        try:
            # Thousands of alerts take a while to write, so that is done in the thread, too.
            refused = await asyncio.to_thread(self._posted, report, left)
        except MailNotSent as error:
            _log.error("report_not_sent", report=turn.name, reason=str(error), attempt=turn.attempt)
            return self._later(turn, error=str(error))
        return self._taken(turn, refused)

    def _posted(self, report: Report, recipients: Sequence[str]) -> Mapping[str, int]:
        """Returns the recipients that were refused, with the server's code."""
        if not recipients:  # whom it waited for is no longer in the settings
            return {}
        message = message_of(report, self._settings.smtp_from, self._settings.report_to, self._clock.now())
        return self._server.send(message, recipients)

    def _taken(self, turn: Turn, refused: Mapping[str, int]) -> Outcome:
        waiting = [each for each, code in refused.items() if code < _REFUSED_FOR_GOOD]
        if waiting:
            counts = {"refused": len(refused), "waiting": len(waiting)}
            _log.warning("report_not_sent_to_all", report=turn.name, attempt=turn.attempt, **counts)
            return self._later(turn, error="refused for now", waiting=waiting)
        _log.info("report_sent", report=turn.name, refused=len(refused), attempt=turn.attempt)
        return Outcome(
            {"sent_at": self._clock.now(), "refused": sorted(refused), "error": None}, is_final=True
        )

    def _later(self, turn: Turn, **facts: Any) -> Outcome:  # noqa: ANN401 - what a document may contain
        wait = min(timedelta(minutes=2 ** min(turn.attempt, 10)), _LONGEST_WAIT)
        return Outcome({"until": self._clock.now() + wait, **facts}, is_final=False)
