"""A report is made from the real stores: Prometheus with weeks of samples, the history of alerts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.infra.mongo import Database
from app.infra.stores import Prometheus, StoreClient
from app.infra.stores.opened import Stores
from app.monitoring.alerts.life import Firing, begun
from app.monitoring.alerts.records import AlertRecord, Cause, CauseKind, Kind, Source, Transition
from app.monitoring.alerts.repository import AlertRepository, HistoryQuery
from app.monitoring.report.content import Alerts, Gap, Objective, Report
from app.monitoring.report.gathering import gather
from app.monitoring.report.period import Cadence, last_period
from app.monitoring.report.text import as_text
from app.monitoring.report.wiring import PAGE, sources_of
from stack.native.tools import tool_path
from tests.app.served import clean_environment
from tests.programs import free_port, running
from tests.receivers.mail_server import PASSWORD, USER, MailServer

NOW = datetime.now(UTC).replace(microsecond=0)
WEEK = last_period(Cadence.WEEKLY, NOW, ZoneInfo("UTC"))
HOUR = timedelta(hours=1)


def _samples() -> Iterator[str]:
    """Yields a sample of each series an hour, for the week and the one before: twice as much in the later."""
    moment, enrolments = WEEK.previous.begin, 0
    while moment <= WEEK.end:
        stamp = int(moment.timestamp())
        yield f'lms_enrollments_total{{service_name="lms",outcome="created"}} {enrolments} {stamp}'
        yield f'slo:events:count5m{{slo="api"}} 100 {stamp}'
        yield f'slo:failures:count5m{{slo="api"}} 1 {stamp}'
        yield f'slo:objective:ratio{{slo="api"}} 0.98 {stamp}'
        yield f'slo:objective:ratio{{slo="idle"}} 0.9 {stamp}'
        enrolments += 20 if moment >= WEEK.begin else 10
        moment += HOUR


@pytest.fixture(name="prometheus", scope="module")
def _prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has two weeks of samples."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "samples").write_text("\n".join([*_samples(), "# EOF\n"]))
    made = [
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        str(folder / "samples"),
        str(folder / "data"),
    ]
    subprocess.run([str(tool_path("promtool")), *made], check=True, timeout=120)
    (folder / "prometheus.yml").write_text("global: {}")
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        str(tool_path("prometheus")),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=60d",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with running(command, f"{url}/-/ready"):
        yield url


@pytest.fixture(name="database")
def _database(empty_mongodb_url: str) -> Iterator[Database]:
    database = Database(empty_mongodb_url, seconds=20)
    yield database
    database.close()


async def _fill(alerts: AlertRepository) -> None:
    """Stores a page of the week that somebody acted on, one sent as a test, and one of the week before."""
    for number, (began, labels) in enumerate(
        [
            (WEEK.begin + HOUR, {}),
            (WEEK.begin + HOUR, {"test": "true"}),
            (WEEK.begin - HOUR, {}),
        ]
    ):
        texts = {"alertname": "LmsDown", "severity": "page", "service_name": "lms", **labels}
        record = begun(Firing(f"{number:016x}", texts, {}, began))
        steps = [
            Transition(
                kind=kind, at=began + timedelta(minutes=minutes), source=Source.ALERTMANAGER, reference="x"
            )
            for kind, minutes in ((Kind.ESCALATED, 15), (Kind.ACKNOWLEDGED, 20))
        ]
        cause = Cause(at=NOW, by="admin", kind=CauseKind.DEFECT, text="A migration locked a table.")
        done = {"transitions": (*record.transitions, *steps), "resolved_at": began + HOUR, "cause": cause}
        await alerts.change(record.id, lambda _, record=record, done=done: record.model_copy(update=done))  # type: ignore[misc]


async def test_a_report_has_the_figures_of_its_period_alone(prometheus: str, database: Database) -> None:
    alerts = AlertRepository(database)
    await database.prepare()
    await _fill(alerts)
    client = StoreClient("prometheus", prometheus, seconds=30)
    sources = sources_of(alerts, Stores(Prometheus(client), None), "lms")
    report = await gather(WEEK, sources, NOW)
    await client.close()
    assert not isinstance(report.objectives, Gap)
    api, idle = report.objectives
    assert (api.name, api.target) == ("api", 0.98)
    assert api.good == pytest.approx(0.99, abs=1e-4)
    assert api.budget_left == pytest.approx(0.5, abs=0.01)
    assert idle == Objective("idle", 0.9, None)
    assert isinstance(report.alerts, Alerts)
    [page] = report.alerts.pages
    assert (page.alert, page.escalated, page.cause) == ("LmsDown", True, "A migration locked a table.")
    assert report.alerts.time_to_acknowledge == timedelta(minutes=20)
    assert report.alerts.time_to_resolve == HOUR
    assert not isinstance(report.figures, Gap)
    enrolments = next(each for each in report.figures if each.name == "Enrolments")
    assert enrolments.value == pytest.approx(20 * 168, rel=0.02)
    assert enrolments.change == pytest.approx(1, rel=0.02)


class _Paged(AlertRepository):
    """The real one; ``pages`` are the sizes of what it read at once."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.pages: list[int] = []

    async def find(self, query: HistoryQuery, limit: int) -> list[AlertRecord]:
        found = await super().find(query, limit)
        self.pages.append(len(found))
        return found


async def test_many_alerts_are_read_page_by_page_and_a_cut_is_named(database: Database) -> None:
    alerts = _Paged(database)
    await database.prepare()
    for number in range(PAGE + 1):
        texts = {"alertname": f"A{number}", "severity": "warning", "service_name": "lms"}
        record = begun(Firing(f"{number:016x}", texts, {}, WEEK.begin + number * HOUR))
        await alerts.change(record.id, lambda _, record=record: record)  # type: ignore[misc]

    async def found(most: int) -> Alerts:
        sources = sources_of(alerts, Stores(None, None), "lms", most)
        return await sources.history(WEEK.begin, WEEK.end)

    every = await found(PAGE + 1)
    assert (len(every.all), every.is_complete, max(alerts.pages)) == (PAGE + 1, True, PAGE)
    cut = await found(PAGE)
    assert (len(cut.all), cut.is_complete, cut.all) == (PAGE, False, every.all[:PAGE])
    said = "More than 50 alerts fired: the oldest are left out."
    assert said in as_text(Report(WEEK, (), cut, ()))
    assert said not in as_text(Report(WEEK, (), every, ()))


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.monitoring.report", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_prints_writes_and_sends_the_report(
    prometheus: str, empty_mongodb_url: str, tmp_path: Path
) -> None:
    with MailServer(tmp_path) as relay:
        environment = {
            **clean_environment(),
            "OTEL_SERVICE_NAME": "lms",
            "MONGODB_URL": empty_mongodb_url,
            "LMS_DATABASE_SECONDS": "20",
            "LMS_PROMETHEUS_URL": prometheus,
            "LMS_STORES_SECONDS": "30",
            "LMS_REPORT_TO": "head@lms.example",
            "LMS_SMTP_HOST": "127.0.0.1",
            "LMS_SMTP_PORT": str(relay.port),
            "LMS_SMTP_USER": USER,
            "LMS_SMTP_PASSWORD": PASSWORD,
            "LMS_SMTP_FROM": "lms@lms.example",
            "SSL_CERT_FILE": str(relay.certificate),
        }
        done = _run(environment, "--send", "--folder", str(tmp_path / "made"))
        assert done.returncode == 0, done.stderr
        [mail] = relay.mails
        refused = _run({**environment, "LMS_SMTP_PASSWORD": "wrong"}, "--send")
    written = tmp_path / "made" / f"report-{WEEK.name}.txt"
    assert mail.text == done.stdout == written.read_text()
    assert "99 %" in done.stdout
    assert written.with_suffix(".html").is_file()
    assert (refused.returncode, "check LMS_SMTP_USER and LMS_SMTP_PASSWORD" in refused.stderr) == (1, True)
    nobody = _run({**environment, "LMS_REPORT_TO": ""}, "--send")
    assert (nobody.returncode, nobody.stderr) == (
        2,
        "LMS_REPORT_TO is not set: it says who gets the report.\n",
    )
