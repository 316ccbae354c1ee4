"""`make alerts-check` names each alert that lacks a part, in one sentence with the fix."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.alerting.check import check
from stack.alerting.sources import ALERTING
from stack.alerting.thresholds import Thresholds

RULE, CASES, RUNBOOK = "rules/canary.yml", "tests/canary.yml", "runbooks/TelemetryCanaryDown.md"
NAME = "TelemetryCanaryDown"
SLO_RUNBOOKS = sorted((ALERTING / "runbooks").glob("Slo*.md"))


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """Sources with the canary's two alerts alone."""
    for name in ("rules", "tests", "runbooks"):
        (tmp_path / name).mkdir()
        for path in (ALERTING / name).glob("*anary*"):
            shutil.copy(path, tmp_path / name)
    return tmp_path


def _replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return change


def test_complete_alerts_have_no_fault(folder: Path) -> None:
    checked = check(folder=folder)
    assert checked.faults == []
    assert checked.table().count("\n") == 2
    assert f"{NAME}" in checked.table()


def test_an_overlay_is_checked_with_the_cases_of_the_shared_thresholds(tmp_path: Path) -> None:
    """Staging asks for thirty failures where the cases prove ten."""
    for name in ("rules/slo.yml", "tests/slo.yml", *(f"runbooks/{path.name}" for path in SLO_RUNBOOKS)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ALERTING / name, tmp_path / name)
    assert Thresholds.load("staging")["slo_least_failures"] != Thresholds.load()["slo_least_failures"]
    checked = check("staging", folder=tmp_path)
    assert checked.faults == []
    assert len(checked.rows) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / RUNBOOK).unlink(), f"{NAME}: it has no runbook; write {RUNBOOK}."),
        (_replaced(RUNBOOK, "## Impact", "## Effect"), f"{RUNBOOK} must have the headings Meaning, Impact"),
        (_replaced(RULE, "severity: warning", "severity: urgent"), "label severity is 'urgent'; use one of"),
        (
            _replaced(
                RULE,
                "keep_firing_for: 2m # restarting in a loop is one alert\n        labels: {severity: warning",
                "labels: {severity: page",
            ),
            f"{NAME}: keep_firing_for is missing; each short recovery would begin its escalation",
        ),
        (_replaced(RULE, "owner: telemetry", "owner: somebody"), "label owner is 'somebody'; use one of"),
        (_replaced(RULE, "impact:", "effect:"), "annotation impact is missing; write one"),
        (_replaced(RULE, "dashboard: ", "dashboard: un"), "does not exist; use one of collector, lms-alerts"),
        (
            _replaced(RULE, "dashboard: collector", "dashboard: collector?var-host=a"),
            "dashboard 'collector' has no variable 'host'; it has collector, environment",
        ),
        (
            _replaced(CASES, "name: no data", "name: nothing"),
            f"it is not in the test `no data`; name it there in {CASES}",
        ),
        (
            _replaced(CASES, "summary: The canary does not answer", "summary: No"),
            "canary.yml: promtool test rules",
        ),
        (_replaced(RULE, "absent(up", "absent(sum(up"), "canary.yml: promtool check rules"),
    ],
)
def test_a_fault_is_a_sentence(folder: Path, change: Callable[[Path], None], said: str) -> None:
    change(folder)
    assert said in "\n".join(check(folder=folder).faults)
