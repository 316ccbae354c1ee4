"""Real faults on the real platform: the right alert on every channel once, and its end on every channel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from stack.boards.dashboards import load
from stack.native.native_stack import NativeStack
from tests.programs import wait_until
from tests.stack.alerts.duty import MANAGEMENT, SECONDS, Duty
from tests.stack.alerts.shortened import MANAGEMENT_SECONDS, SECOND_LINE_SECONDS, reload, rule_file
from tests.stack.running.executed import MILLISECONDS, Executor, Ran
from tests.stack.running.stores import Stores

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

FLUSH = timedelta(seconds=3)
SCRAPE = timedelta(seconds=2)
GIGABYTE = 1024**3


@contextmanager
def _stopped(stack: NativeStack, part: str) -> Iterator[None]:
    """Stops a part within the block; it is healthy again when the block is left."""
    stack.supervisor.stop_part(part)
    try:
        yield
    finally:
        stack.supervisor.start_part(part)
        stack.wait_ready()


def _second(moment: str) -> datetime:
    """Returns a moment of the API, cut to the second."""
    return datetime.fromisoformat(moment).astimezone(UTC).replace(microsecond=0)


def test_the_watchdog_checks_in_at_a_cron_monitor(duty: Duty) -> None:
    wait_until(lambda: duty.sentry.check_ins, "the Watchdog has checked in")
    assert {(each.monitor, each.status) for each in duty.sentry.check_ins} == {("watchdog", "ok")}


def test_a_lost_canary_is_reported(duty: Duty) -> None:
    alert = "TelemetryCanaryLost"
    with _stopped(duty.stack, "victorialogs"):
        duty.wait_for("Slack has the alert", lambda: duty.posts(alert))
    duty.wait_for("Slack has the end", lambda: len(duty.posts(alert)) == 2)
    assert duty.refused() == []


def test_a_page_goes_its_whole_way(duty: Duty) -> None:
    """No telemetry: paged, escalated, acknowledged, held, repaired, resolved everywhere, recorded, shown."""
    alert = "CollectorDown"
    with _stopped(duty.stack, "collector"):
        duty.wait_for("everybody of the first line is paged", lambda: _first_line(duty, alert) == (1, 1, 1))
        duty.wait_for("Sentry has it", lambda: duty.events(alert))
        assert duty.posts(alert, duty.second_line) == []
        duty.wait_for("the second line is paged", lambda: duty.posts(alert, duty.second_line))
        assert duty.mails(alert, MANAGEMENT) == []
        duty.acknowledge(alert)
        [fired] = duty.notified(alert)
        over = fired.started + timedelta(seconds=MANAGEMENT_SECONDS) + 2 * FLUSH
        # The board counts an alert that fires as a minute begins.
        seen = fired.started.replace(second=0) + timedelta(minutes=1) + SCRAPE
        duty.wait_for("it would have been management's turn", lambda: datetime.now(UTC) > max(over, seen))
        assert _first_line(duty, alert) == (1, 1, 1)
        assert (len(duty.posts(alert, duty.second_line)), duty.mails(alert, MANAGEMENT)) == (1, [])
    duty.wait_for("everybody knows of the end", lambda: _first_line(duty, alert) == (2, 2, 2))
    duty.wait_for("the second line, too", lambda: len(duty.posts(alert, duty.second_line)) == 2)
    assert duty.mails(alert, MANAGEMENT) == []
    [ended] = duty.notified(alert, "resolved")
    _check_row(duty, alert, fired.started, ended.ended)
    _check_board(duty)
    assert duty.refused() == []


def _first_line(duty: Duty, alert: str) -> tuple[int, int, int]:
    """Returns how many messages about an alert Slack, mail and the webhook got."""
    everywhere = len(duty.notified(alert)) + len(duty.notified(alert, "resolved"))
    return len(duty.posts(alert)), len(duty.mails(alert)), everywhere


def _check_row(duty: Duty, alert: str, started: datetime, ended: datetime) -> None:
    """Compares the history with what everybody was sent, to the second."""
    duty.wait_for("the history has its end", lambda: duty.alerts(state="resolved", alertname=alert))
    [row] = duty.alerts(state="resolved", alertname=alert)
    assert _second(row["started_at"]) == started.replace(microsecond=0)
    assert _second(row["resolved_at"]) == ended.replace(microsecond=0)
    times = [row[each] for each in ("started_at", "notified_at", "acknowledged_at", "resolved_at")]
    assert times == sorted(times)
    steps = [each["kind"] for each in row["transitions"]]
    order = ["firing", "notified", "escalated", "acknowledged", "resolved"]
    assert [each for each in steps if each in order] == order
    [answer] = [each for each in row["transitions"] if each["kind"] == "acknowledged"]
    assert (answer["by"], answer["why"]) == (duty.admin.id, "I am at it.")


def _check_board(duty: Duty) -> None:
    """Waits until no query of the board of alerts is blank, and compares what two of them tell."""
    wait_until(lambda: not _blank(duty), lambda: f"the board shows it; blank: {_blank(duty)}", SECONDS, 1)
    texts = {each.name.removeprefix("lms-alerts / "): each.text for each in _ran(duty)}
    with closing(Stores(duty.stack)) as stores:
        assert stores.total(texts["Unattended and escalated / B"]) == 1
        assert SECOND_LINE_SECONDS < stores.total(texts["Mean time to acknowledge (MTTA) / A"]) < SECONDS


def _blank(duty: Duty) -> list[str]:
    return [f"{each.name}: {each.error or each.text}" for each in _ran(duty) if each.error or each.empty]


def _ran(duty: Duty) -> list[Ran]:
    """Returns what came of each query of the board of alerts."""
    [board] = [each for each in load() if each.uid == "lms-alerts"]
    with closing(Stores(duty.stack)) as stores, stores.prometheus() as client:
        return list(Executor(client, enough=MILLISECONDS).board(board, "now-15m"))


def test_a_stopped_database_pages_about_the_database(duty: Duty) -> None:
    alert = "DatabaseDown"
    with _stopped(duty.stack, "ferretdb"):
        duty.wait_for("everybody of the first line is paged", lambda: _first_line(duty, alert) == (1, 1, 1))
        # The platform cannot store what it is told now, and must not forget it.
    duty.wait_for("everybody knows of the end", lambda: _first_line(duty, alert) == (2, 2, 2))
    duty.wait_for("Sentry has both", lambda: len(duty.events(alert)) >= 2)
    duty.wait_for("the history has it", lambda: duty.alerts(state="resolved", alertname=alert))
    [ended] = duty.notified(alert, "resolved")
    [row] = duty.alerts(state="resolved", alertname=alert)
    assert _second(row["started_at"]) == ended.started.replace(microsecond=0)
    assert _second(row["resolved_at"]) == ended.ended.replace(microsecond=0)
    assert duty.refused() == []


def test_a_failing_endpoint_warns_in_slack_and_sends_no_mail(duty: Duty) -> None:
    alert, student = "ApiErrors", duty.platform.student()

    def warned() -> bool:
        assert student.post("/demo/transcripts").status_code == 500
        return bool(duty.posts(alert))

    duty.wait_for("Slack has the warning", warned)
    [post] = duty.posts(alert)
    assert "/api/v1/demo/transcripts" in post.text
    duty.wait_for("Slack has the end", lambda: len(duty.posts(alert)) == 2)
    assert duty.mails(alert) == []
    assert duty.refused() == []


def test_a_login_storm_warns(duty: Duty) -> None:
    alert, stranger = "FailedLoginStorm", duty.platform.anonymous()
    wrong = {"email": duty.stack.environment.app.admin_email, "password": "not the password"}

    def warned() -> bool:
        assert stranger.post("/auth/login", json=wrong).status_code in {401, 429, 503}
        return bool(duty.posts(alert))

    duty.wait_for("Slack has the warning", warned)
    duty.wait_for("Slack has the end", lambda: len(duty.posts(alert)) == 2)
    assert duty.mails(alert) == []


def test_a_disk_that_fills_warns(duty: Duty) -> None:
    """The disk really fills, by two gigabytes; the threshold is moved to just above what is used today."""
    alert, stores = "HostDiskFilling", Stores(duty.stack)
    used = stores.total("max(system_filesystem_utilization_ratio)")
    whole = stores.total("max(sum by (mountpoint) (system_filesystem_usage_bytes))")
    path, text = rule_file(duty.stack, alert)
    path.write_text(text.replace("> 0.85", f"> {used + GIGABYTE / whole:.6f}", 1))
    reload(duty.stack, "prometheus")
    ballast = duty.stack.folder / "ballast"
    try:
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2 * GIGABYTE)
        duty.wait_for("Slack has the warning", lambda: duty.posts(alert))
    finally:
        ballast.unlink(missing_ok=True)
    duty.wait_for("Slack has the end", lambda: len(duty.posts(alert)) == 2)
    path.write_text(text)
    stores.close()
