"""The alert rules by their real checker, promtool: what is rendered, and when each fires."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stack.alerting.sources import ALERTING
from tests.alertmanager.rendered import alerts, case_files, rule_files, run

WATCHDOG = "Watchdog"
PARTS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation")


@pytest.mark.parametrize("path", rule_files(), ids=lambda path: path.name)
def test_promtool_accepts_the_rules(path: Path) -> None:
    done = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", case_files(), ids=lambda path: path.name)
def test_alerts_fire_and_stay_quiet_as_written(path: Path) -> None:
    done = run("promtool", "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_file_is_tested_in_both_directions() -> None:
    assert {path.name for path in rule_files()} <= {path.name for path in case_files()}
    cases = [
        case
        for path in case_files()
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    firing = {case["alertname"] for case in cases if case["exp_alerts"]}
    quiet = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert firing == set(alerts())
    assert quiet - {WATCHDOG} == set(alerts()) - {WATCHDOG}


@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_says_what_it_is_and_what_to_do(name: str) -> None:
    rule = alerts()[name]
    assert {"summary", "description", "runbook_url", "dashboard_url"} <= set(rule["annotations"])
    assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{name}.md")
    assert rule["labels"]["severity"] in {"page", "warning", "info", "none"}
    assert rule["labels"]["service_name"]


def test_runbooks_and_alerts_are_the_same_set_and_have_the_same_parts() -> None:
    books = {path.stem: path.read_text() for path in (ALERTING / "runbooks").glob("*.md")}
    assert set(books) == set(alerts())
    for name, text in books.items():
        headings = [line for line in text.splitlines() if line.startswith("#")]
        assert headings == [f"# {name}", *(f"## {part}" for part in PARTS)]
