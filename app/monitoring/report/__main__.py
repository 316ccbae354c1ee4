"""Makes the report of the last week or month, prints it, and sends it by mail if asked to.

It is the report that the platform sends by itself; sending it here does not keep the platform from that.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import otel
from app.core.clock import SystemClock
from app.core.settings import Settings, load_settings
from app.core.telemetry import telemetry_environ
from app.infra.mongo import Database
from app.infra.stores import open_stores
from app.monitoring.alerts.repository import AlertRepository
from app.monitoring.report.content import Report
from app.monitoring.report.gathering import gather
from app.monitoring.report.html import as_html
from app.monitoring.report.mail import MailNotSent, MailServer, message_of
from app.monitoring.report.period import Cadence, Period, last_period
from app.monitoring.report.text import as_text
from app.monitoring.report.wiring import sources_of

EXIT_SETTINGS = 2
EXIT_MAIL = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 1 if the mail was not sent, 2 if a setting is wrong."""
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings()
        config = otel.TelemetryConfig.from_env(telemetry_environ(os.environ))
    except otel.ConfigError as error:
        return _fail(EXIT_SETTINGS, *error.sentences)
    if options.send and not settings.report_to:
        return _fail(EXIT_SETTINGS, "LMS_REPORT_TO is not set: it says who gets the report.")
    now = SystemClock().now()
    period = last_period(Cadence(options.cadence), now, ZoneInfo(settings.report_time_zone))
    _progress(f"Gathering the figures of {period.name}.")
    report = asyncio.run(_gathered(settings, period, config.service_name or "lms", now))
    if options.folder:
        _write(report, Path(options.folder))
    sys.stdout.write(as_text(report))
    return _send(settings, report, now) if options.send else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.monitoring.report", description=__doc__)
    choices = [each.value for each in Cadence]
    parser.add_argument("--cadence", choices=choices, default="weekly", help="which report (default: weekly)")
    parser.add_argument("--folder", help="writes it there as well, as text and as HTML")
    parser.add_argument("--send", action="store_true", help="sends it to LMS_REPORT_TO")
    return parser


async def _gathered(settings: Settings, period: Period, service: str, now: datetime) -> Report:
    async with AsyncExitStack() as stack:
        database = Database(settings.mongodb_url, seconds=settings.database_seconds)
        stack.callback(database.close)
        stores = open_stores(settings, stack)
        return await gather(period, sources_of(AlertRepository(database), stores, service), now)


def _write(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for ending, text in (("txt", as_text(report)), ("html", as_html(report))):
        path = folder / f"report-{report.period.name}.{ending}"
        path.write_text(text, encoding="utf-8")
        _progress(f"Wrote {path}.")


def _send(settings: Settings, report: Report, now: datetime) -> int:
    _progress(f"Sending it to {settings.report_to}.")
    message = message_of(report, settings.smtp_from, settings.report_to, now)
    try:
        refused = MailServer.of(settings).send(message)
    except MailNotSent as error:
        return _fail(EXIT_MAIL, str(error))
    if refused:
        return _fail(EXIT_MAIL, f"The mail server refused {', '.join(sorted(refused))}; check LMS_REPORT_TO.")
    _progress("Sent.")
    return 0


def _progress(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _fail(code: int, *sentences: str) -> int:
    for sentence in sentences:
        _progress(sentence)
    return code


if __name__ == "__main__":
    sys.exit(main())
