"""A report with something in each of its parts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.monitoring.report.content import Alerts, Figure, Incident, Objective, Report
from app.monitoring.report.period import Cadence, Period

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
