"""The weekly and monthly report: what it says, to whom it goes, and that it goes once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.core.settings import Settings
from app.infra.mongo import Database
from app.infra.stores import Prometheus, StoreClient, StoreUnavailable
from app.monitoring.report.content import Alerts, Figure, Gap, Incident, Objective, Report
from app.monitoring.report.delivery import Reports
from app.monitoring.report.gathering import Sources, gather
from app.monitoring.report.html import as_html
from app.monitoring.report.mail import MailNotSent, MailServer, message_of
from app.monitoring.report.period import Cadence, Period, last_period
from app.monitoring.report.text import as_text
from tests.app.conftest import make_settings
from tests.app.fixed_clock import FixedClock
from tests.programs import free_port
from tests.receivers.mail_server import BUSY, GREYLISTED, PASSWORD, USER, WRONG_LOGIN
from tests.receivers.mail_server import MailServer as Relay

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Period.of(Cadence.WEEKLY, date(2026, 11, 25), UTC_ZONE)
TO = "head@lms.example, ops@lms.example"
MONDAY = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


def _page(
    alert: str, minutes: int, acknowledged: int | None, resolved: int | None, **more: object
) -> Incident:
    began = WEEK.begin + timedelta(minutes=minutes)
    after = [None if each is None else began + timedelta(minutes=each) for each in (acknowledged, resolved)]
    return Incident(alert, "page", "lms", began, *after, **more)  # type: ignore[arg-type]  # as the caller says


ALERTS = Alerts(
    (
        _page("LmsDown", 60, 2, 30, cause="A disk was full."),
        _page("LmsDown", 600, 4, None, escalated=True),
        _page("ApiErrors", 30, None, 10),
        Incident("HostDiskFilling", "warning", "host", WEEK.begin),
        *(Incident("CollectorRefuses", "warning", "collector", WEEK.begin) for _ in range(3)),
    )
)
REPORT = Report(
    WEEK,
    (
        Objective("api-availability", 0.999, 0.9995),
        Objective("login", 0.99, 0.97),
        Objective("exam", 0.99, None),
    ),
    ALERTS,
    (Figure("Enrolments", 1200, 1000), Figure("Pass rate of quizzes", 0.8, None, is_share=True)),
    ("Prometheus has data since Tuesday only.",),
)


# --- periods ---


@pytest.mark.parametrize(
    ("cadence", "now", "zone", "name", "hours"),
    [
        (Cadence.WEEKLY, datetime(2026, 11, 30, 5, 59, tzinfo=UTC), UTC_ZONE, "2026-W47", 168),
        (Cadence.WEEKLY, MONDAY, UTC_ZONE, "2026-W48", 168),
        (Cadence.WEEKLY, datetime(2026, 12, 6, 23, 0, tzinfo=UTC), UTC_ZONE, "2026-W48", 168),
        (Cadence.WEEKLY, datetime(2027, 1, 4, 6, 0, tzinfo=UTC), UTC_ZONE, "2026-W53", 168),
        (
            Cadence.WEEKLY,
            datetime(2026, 10, 26, 6, 0, tzinfo=UTC),
            BERLIN,
            "2026-W43",
            169,
        ),  # ends in winter time
        (Cadence.WEEKLY, datetime(2026, 3, 30, 6, 0, tzinfo=UTC), BERLIN, "2026-W13", 167),
        (Cadence.WEEKLY, datetime(2026, 11, 30, 5, 30, tzinfo=UTC), BERLIN, "2026-W48", 168),  # 6:30 there
        (Cadence.MONTHLY, datetime(2026, 12, 1, 5, 59, tzinfo=UTC), UTC_ZONE, "2026-10", 744),
        (Cadence.MONTHLY, datetime(2026, 12, 1, 6, 0, tzinfo=UTC), UTC_ZONE, "2026-11", 720),
        (Cadence.MONTHLY, datetime(2028, 3, 15, tzinfo=UTC), UTC_ZONE, "2028-02", 696),
    ],
)
def test_the_last_period_is_over_and_due(
    cadence: Cadence, now: datetime, zone: ZoneInfo, name: str, hours: int
) -> None:
    period = last_period(cadence, now, zone, 6)
    assert (period.name, period.length) == (name, timedelta(hours=hours))
    assert period.end <= now
    assert period.previous.end == period.begin


# --- what it says ---


def test_figures_are_those_of_the_incidents() -> None:
    assert [page.alert for page in ALERTS.pages] == ["ApiErrors", "LmsDown", "LmsDown"]
    assert ALERTS.time_to_acknowledge == timedelta(minutes=3)
    assert ALERTS.time_to_resolve == timedelta(minutes=20)
    assert ALERTS.unacknowledged == 1
    assert [(each.alert, each.fired, each.acknowledged) for each in ALERTS.noisiest] == [
        *(("CollectorRefuses", 3, 0), ("LmsDown", 2, 2), ("ApiErrors", 1, 0), ("HostDiskFilling", 1, 0)),
    ]
    assert (Alerts(()).time_to_acknowledge, Alerts(()).time_to_resolve) == (None, None)


def test_a_budget_is_what_the_target_allows() -> None:
    half, spent, unknown = REPORT.objectives  # type: ignore[misc]  # they are no gap
    assert half.budget_left == pytest.approx(0.5)
    assert spent.budget_left == pytest.approx(-2)
    assert (unknown.budget_left, unknown.is_met) == (None, True)


def test_text_and_html_say_the_same() -> None:
    text, html = as_text(REPORT), as_html(REPORT)
    assert REPORT.subject == "Weekly report 2026-W48: 3 pages, 1 objective missed"
    for said in (
        *(
            "23 to 29 November 2026 (UTC)",
            "Prometheus has data since Tuesday only.",
            "99.95 %",
            "50%",
            "-200%",
        ),
        *("MISSED", "no events", "LmsDown (escalated)", "nobody did", "still firing", "A disk was full."),
        *("Mean time to acknowledge: 3 min 00 s; to resolve: 20 min 00 s.", "Nobody acknowledged 1 of them."),
        *("CollectorRefuses", "1,200", "+20%", "80.0%"),
    ):
        assert said in text, said
        assert said in html, said


HOSTILE = (
    '<a href="https://evil.example/x">x</a>\r\nBcc: all@evil.example \u202e www.evil.example ' + "a" * 500
)


def test_hostile_text_is_neither_markup_nor_link_nor_header() -> None:
    odd = Incident(HOSTILE, "page", HOSTILE, WEEK.begin, cause=HOSTILE)
    report = Report(WEEK, (Objective(HOSTILE, 0.9, 0.95),), Alerts((odd,)), Gap("Missing."))
    message = message_of(report, "lms@lms.example", TO, MONDAY)
    linking = ("https:", "//evil", "evil.example", "all@evil", "\u202e", "a" * 200)
    for body in (as_text(report), as_html(report)):
        assert [part for part in linking if part in body] == []
    assert "<a " not in as_html(report)
    assert set(message.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")
    }


async def test_a_source_that_is_away_leaves_a_gap() -> None:
    async def away(_begin: datetime, _end: datetime) -> Sequence[Incident]:
        raise StoreUnavailable("the database")

    client = StoreClient("prometheus", f"http://127.0.0.1:{free_port()}", seconds=2)
    report = await gather(WEEK, Sources(Prometheus(client), away, "lms"), MONDAY)
    await client.close()
    assert report.alerts == Gap("Missing: the database does not answer.")
    for part in (report.objectives, report.figures):
        assert part == Gap("Missing: prometheus does not answer (ConnectError).")
    assert report.subject == "Weekly report 2026-W48: incomplete"
    assert as_text(report).count("Missing: ") == 3
    bare = await gather(WEEK, Sources(None, away, "lms"), MONDAY)
    assert bare.figures == Gap("LMS_PROMETHEUS_URL is not set, so there are no figures.")


# --- its way ---


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


def _reports(database: Database, clock: FixedClock, settings: Settings) -> Reports:
    async def gathered(period: Period) -> Report:
        return Report(period, (), ALERTS, ())

    return Reports(database, clock, settings, gathered)


async def test_many_processes_send_one_mail(relay: Relay, database: Database, empty_mongodb_url: str) -> None:
    clock, settings = FixedClock(MONDAY.isoformat()), _settings(empty_mongodb_url, relay)
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
    clock = FixedClock(MONDAY.isoformat())
    reports = _reports(database, clock, _settings(empty_mongodb_url, relay))
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
    clock = FixedClock(MONDAY.isoformat())
    began = asyncio.Event()

    async def hanging(_period: Period) -> Report:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    settings = _settings(empty_mongodb_url, relay)
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
    clock = FixedClock("2026-12-01T07:00:00+00:00")
    await _reports(database, clock, _settings(empty_mongodb_url, relay, report_to="")).send_due()
    assert relay.mails == []
    await _reports(database, clock, _settings(empty_mongodb_url, relay, report_monthly=True)).send_due()
    assert [each.subject.split(":")[0] for each in relay.mails] == [
        "Weekly report 2026-W48",
        "Monthly report 2026-11",
    ]


def _sent_by(server: MailServer) -> list[str]:
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
    assert "check LMS_SMTP_FROM" in refused(user="", password="") or "LMS_SMTP" in refused(
        user="", password=""
    )
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "that this machine trusts its certificate" in refused()
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
