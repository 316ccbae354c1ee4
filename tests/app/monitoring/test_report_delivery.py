"""The report goes out by mail, once, over a real database and a mail server with a login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.settings import Settings
from app.infra.mongo import Database
from app.monitoring.report.content import Gap, Report
from app.monitoring.report.delivery import PATIENCE, Reports
from app.monitoring.report.mail import MailNotSent, MailServer, message_of
from app.monitoring.report.period import Period
from tests.app.conftest import make_settings
from tests.app.faults import FaultyDatabase
from tests.app.fixed_clock import FixedClock
from tests.app.monitoring.planted_report import ALERTS, MONDAY, REPORT, TO
from tests.programs import free_port
from tests.receivers.mail_server import BUSY, GREYLISTED, PASSWORD, USER, WRONG_LOGIN, Refusal
from tests.receivers.mail_server import MailServer as Relay


@pytest.fixture(name="relay", params=["starttls", "implicit"])
def _relay(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Relay]:
    with Relay(tmp_path, request.param) as relay:
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.certificate))
        yield relay


def _settings(mongodb_url: str, relay: Relay, **changes: object) -> Settings:
    values: dict[str, object] = {
        "report_to": TO,
        "report_monthly": False,
        "smtp_host": "127.0.0.1",
        "smtp_port": relay.port,
        "smtp_tls": relay.security,
        "smtp_user": USER,
        "smtp_password": PASSWORD,
        "smtp_from": "lms@lms.example",
    }
    return make_settings(mongodb_url, "redis://127.0.0.1:1/0", **values | changes)


@pytest.fixture(name="database")
def _database(empty_mongodb_url: str) -> Iterator[Database]:
    database = Database(empty_mongodb_url, seconds=20)
    yield database
    database.close()


async def _due(database: Database, settings: Settings) -> FixedClock:
    """Returns a clock at which a report is due: the platform first started a week before."""
    clock = FixedClock((MONDAY - timedelta(days=7)).isoformat())
    await _reports(database, clock, settings).send_due()
    clock.advance(timedelta(days=7))
    return clock


def _reports(database: Database, clock: FixedClock, settings: Settings) -> Reports:
    async def gathered(period: Period) -> Report:
        return Report(period, (), ALERTS, ())

    return Reports(database, clock, settings, gathered)


async def test_many_processes_send_one_mail(relay: Relay, database: Database, empty_mongodb_url: str) -> None:
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    many = [_reports(database, clock, settings) for _ in range(8)]
    await asyncio.gather(*(each.send_due() for each in many))
    await asyncio.gather(*(each.send_due() for each in many))
    await _reports(database, clock, settings).send_due()  # after a restart
    [mail] = relay.mails
    assert mail.recipients == ("head@lms.example", "ops@lms.example")
    assert (mail.sender, mail.user, mail.encrypted) == ("lms@lms.example", USER, True)
    assert mail.subject == "Weekly report 2026-W48: 3 pages, all objectives met"
    assert "LmsDown" in mail.text
    assert "LmsDown" in mail.html
    clock.advance(timedelta(days=7))
    await many[0].send_due()
    assert [each.subject[:22] for each in relay.mails] == ["Weekly report 2026-W48", "Weekly report 2026-W49"]


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
@pytest.mark.parametrize("refusal", [BUSY, GREYLISTED, WRONG_LOGIN])
async def test_a_refused_mail_is_tried_again_later(
    relay: Relay, database: Database, empty_mongodb_url: str, refusal: object
) -> None:
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    reports = _reports(database, clock, settings)
    relay.break_down(refusal)  # type: ignore[arg-type]  # one of its own
    await reports.send_due()
    attempts = relay.attempts + len(relay.logins)
    await reports.send_due()
    assert (relay.mails, relay.attempts + len(relay.logins)) == ([], attempts)
    relay.mend()
    clock.advance(timedelta(minutes=3))
    await reports.send_due()
    assert len(relay.mails) == 1


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
async def test_the_work_of_a_process_that_died_is_taken_over(
    relay: Relay, database: Database, empty_mongodb_url: str
) -> None:
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    began = asyncio.Event()

    async def hanging(_period: Period) -> Report:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    dying = asyncio.create_task(Reports(database, clock, settings, hanging).send_due())
    await began.wait()
    dying.cancel()
    other = _reports(database, clock, settings)
    await other.send_due()
    assert relay.mails == []
    clock.advance(timedelta(minutes=11))
    await other.send_due()
    assert len(relay.mails) == 1


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
async def test_without_recipients_nothing_is_sent_and_both_cadences_are(
    relay: Relay, database: Database, empty_mongodb_url: str
) -> None:
    settings = _settings(empty_mongodb_url, relay, report_monthly=True)
    clock = await _due(database, settings)
    clock.advance(timedelta(days=1))
    await _reports(database, clock, _settings(empty_mongodb_url, relay, report_to="")).send_due()
    assert relay.mails == []
    await _reports(database, clock, settings).send_due()
    assert [each.subject.split(":")[0] for each in relay.mails] == [
        "Weekly report 2026-W48",
        "Monthly report 2026-11",
    ]


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
async def test_a_first_start_sends_no_report_of_the_time_before(
    relay: Relay, database: Database, empty_mongodb_url: str
) -> None:
    settings = _settings(empty_mongodb_url, relay, report_monthly=True)
    clock = FixedClock(MONDAY.isoformat())
    many = [_reports(database, clock, settings) for _ in range(4)]
    await asyncio.gather(*(each.send_due() for each in many))
    await many[0].send_due()
    assert relay.mails == []
    clock.advance(timedelta(days=7))
    await asyncio.gather(*(each.send_due() for each in many))
    assert sorted(each.subject.split(":")[0] for each in relay.mails) == [
        "Monthly report 2026-11",
        "Weekly report 2026-W49",
    ]


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
async def test_a_report_waits_some_hours_for_a_store_that_does_not_answer(
    relay: Relay, database: Database, empty_mongodb_url: str
) -> None:
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    answers = False

    async def gathered(period: Period) -> Report:
        gap = Gap("Missing: Prometheus does not answer.", may_come=True)
        if answers:
            return Report(period, (), ALERTS, ())
        return Report(period, gap, ALERTS, Gap("No figures here."), unanswered=(gap.reason,))

    for hours in (0, 5):
        clock.advance(timedelta(hours=hours))
        await Reports(database, clock, settings, gathered).send_due()
        assert relay.mails == []
    answers = True
    clock.advance(timedelta(minutes=61))
    await Reports(database, clock, settings, gathered).send_due()
    assert [mail.subject for mail in relay.mails] == ["Weekly report 2026-W48: 3 pages, all objectives met"]
    answers = False
    clock.advance(timedelta(days=7))
    reports = Reports(database, clock, settings, gathered)
    await reports.send_due()
    clock.advance(PATIENCE)
    await reports.send_due()
    assert [mail.subject for mail in relay.mails[1:]] == ["Weekly report 2026-W49: 3 pages"]


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
@pytest.mark.parametrize("stored", [False, True])
async def test_a_mail_that_is_sent_and_not_noted_is_only_noted_again(
    relay: Relay, empty_mongodb_url: str, *, stored: bool
) -> None:
    database = FaultyDatabase(empty_mongodb_url, seconds=20)
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    reports = _reports(database, clock, settings)
    database.fail(2, done=stored)  # after the document of the turn
    await reports.send_due()
    assert (database.failed, len(relay.mails)) == (True, 1)
    clock.advance(timedelta(hours=1))
    await reports.send_due()
    await _reports(database, clock, settings).send_due()
    assert len(relay.mails) == 1
    database.close()


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
async def test_a_recipient_that_is_refused_for_now_gets_the_report_later_and_alone(
    relay: Relay, database: Database, empty_mongodb_url: str
) -> None:
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    reports = _reports(database, clock, settings)
    relay.fail(GREYLISTED)
    await reports.send_due()
    clock.advance(timedelta(minutes=1))
    await reports.send_due()
    assert [mail.recipients for mail in relay.mails] == [("ops@lms.example",)]
    clock.advance(timedelta(minutes=2))
    await _reports(database, clock, settings).send_due()
    clock.advance(timedelta(hours=2))
    await reports.send_due()
    assert [mail.recipients for mail in relay.mails[1:]] == [("head@lms.example",)]
    assert {mail.message["To"] for mail in relay.mails} == {TO}


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
async def test_a_recipient_that_is_refused_for_good_or_no_longer_wanted_is_given_up(
    relay: Relay, database: Database, empty_mongodb_url: str
) -> None:
    settings = _settings(empty_mongodb_url, relay)
    clock = await _due(database, settings)
    relay.fail(Refusal("RCPT", "550 5.1.1 No such user here"))
    reports = _reports(database, clock, settings)
    await reports.send_due()
    clock.advance(timedelta(hours=2))
    await reports.send_due()
    assert [mail.recipients for mail in relay.mails] == [("ops@lms.example",)]
    clock.advance(timedelta(days=7))
    relay.fail(GREYLISTED)
    await reports.send_due()
    clock.advance(timedelta(hours=2))
    other = _settings(empty_mongodb_url, relay, report_to="ops@lms.example")
    await _reports(database, clock, other).send_due()
    assert [mail.recipients for mail in relay.mails[1:]] == [("ops@lms.example",)]


def _sent_by(server: MailServer) -> Mapping[str, int]:
    return server.send(message_of(REPORT, "lms@lms.example", TO, MONDAY))


@pytest.mark.parametrize("relay", ["starttls"], indirect=True)
def test_what_goes_wrong_is_a_sentence_with_a_hint(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**changes: object) -> str:
        values = {
            "host": "127.0.0.1",
            "port": relay.port,
            "tls": "starttls",
            "user": USER,
            "password": PASSWORD,
        }
        with pytest.raises(MailNotSent) as caught:
            _sent_by(MailServer(**values | changes))  # type: ignore[arg-type]  # as the caller says
        assert PASSWORD not in str(caught.value)
        return str(caught.value)

    assert "535 5.7.8 Authentication credentials invalid); check LMS_SMTP_USER and" in refused(
        password="wrong"
    )
    assert "check LMS_SMTP_HOST and LMS_SMTP_PORT" in refused(port=free_port())
    assert "check LMS_SMTP_HOST and LMS_SMTP_PORT" in refused(host="mail..lms.example")
    assert "check LMS_SMTP_FROM" in refused(user="", password="") or "LMS_SMTP" in refused(
        user="", password=""
    )
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "that this machine trusts its certificate" in refused()
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
