"""The weekly and monthly report: which period it is about, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.infra.stores import Prometheus, StoreClient, StoreUnavailable
from app.monitoring.report.content import Alerts, Gap, Incident, Objective, Report
from app.monitoring.report.gathering import Sources, gather
from app.monitoring.report.html import as_html
from app.monitoring.report.mail import message_of
from app.monitoring.report.period import Cadence, last_period
from app.monitoring.report.text import as_text
from tests.app.monitoring.planted_report import ALERTS, BERLIN, MONDAY, REPORT, TO, UTC_ZONE, WEEK
from tests.programs import free_port

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
    async def away(_begin: datetime, _end: datetime) -> Alerts:
        raise StoreUnavailable("the database")

    client = StoreClient("prometheus", f"http://127.0.0.1:{free_port()}", seconds=2)
    report = await gather(WEEK, Sources(Prometheus(client), away, "lms"), MONDAY)
    await client.close()
    assert report.alerts == Gap("Missing: the database does not answer.", may_come=True)
    for part in (report.objectives, report.figures):
        assert part == Gap("Missing: prometheus does not answer (ConnectError).", may_come=True)
    assert report.subject == "Weekly report 2026-W48: incomplete"
    assert as_text(report).count("Missing: ") == 3
    bare = await gather(WEEK, Sources(None, away, "lms"), MONDAY)
    assert bare.figures == Gap("LMS_PROMETHEUS_URL is not set, so there are no figures.")
