"""In every environment and both stacks, a board's colour changes where the delivered alert fires."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from grafana.build import BOARDS
from grafana.lint.limits import FACTORS
from stack.alerting import thresholds
from stack.alerting.rules import sources
from stack.alerting.sources import ENVIRONMENTS
from stack.alerting.thresholds import Thresholds, environments, names_in
from stack.alerting.units import as_text
from stack.native.assemble import assemble, prepare_folder
from stack.native.native_stack import NativeStack
from tests.stack.compose import stack_in

EXAM: Final = "exam-week"
# Its alert is the platform's own check, whose limit is a setting of the platform (docs/health.md).
OF_A_CHECK: Final = {"health_queue": "LMS_HEALTH_MAX_QUEUE"}
_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Delivered:
    """What a stack gives to Prometheus, to Grafana or its stand-in, and to the platform as settings."""

    rules: Path
    boards: Path
    settings: dict[str, str]

    def limits(self) -> dict[str, float]:
        """Returns each threshold's number, which all rules agree on; none of durations."""
        found: dict[str, set[str]] = {}
        for name, source in sources("").items():
            rules = zip(_expressions(source), _expressions((self.rules / name).read_text()), strict=True)
            for threshold, number in (each for rule in rules for each in _filled(*rule)):
                found.setdefault(threshold, set()).add(number)
        numbers = {name: float(number) for name, (number,) in found.items() if number[-1].isdigit()}
        checks = {name: float(self.settings[key]) for name, key in OF_A_CHECK.items() if key in self.settings}
        return numbers | checks

    def panels(self, uid: str) -> dict[str, dict[str, Any]]:
        """Returns a board's panels by title."""
        [path] = self.boards.rglob(f"{uid}.json")
        listed = json.loads(path.read_text())["panels"]
        return {each["title"]: each for panel in listed for each in (panel, *(panel.get("panels") or []))}


def _expressions(text: str) -> list[str]:
    groups = yaml.safe_load(text)["groups"]
    return [" ".join(str(rule["expr"]).split()) for group in groups for rule in group["rules"]]


def _filled(written: str, delivered: str) -> Iterator[tuple[str, str]]:
    """Yields each threshold of a source's expression, and the number or duration in its place."""
    pieces = map(re.escape, _PLACEHOLDER.sub("\0", written).split("\0"))
    found = re.fullmatch(r"([0-9.]+[a-z]?)".join(pieces), delivered)
    assert found, f"{delivered} is not {written}"
    return zip(_PLACEHOLDER.findall(written), found.groups(), strict=True)


@pytest.fixture(autouse=True)
def _exam_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment beside ours, in which every number that a board judges by is another one."""
    folder = tmp_path / "environments"
    shutil.copytree(ENVIRONMENTS, folder)
    shared = Thresholds.load()
    used = {panel.about.limit.name for board in BOARDS for panel in board.panels() if panel.about.limit}
    used |= {
        name for board in BOARDS for panel in board.panels() for name in names_in(panel.about.description)
    }
    numbers = {name: value for name in used if not isinstance(value := shared[name].value, str)}
    changed = {name: value / 2 for name, value in numbers.items()}
    (folder / f"{EXAM}.yml").write_text(json.dumps({"thresholds": changed}))
    monkeypatch.setattr(thresholds, "ENVIRONMENTS", folder)


def native(folder: Path, environment: str) -> Delivered:
    stack = NativeStack.scratch(folder / "data", {"LMS_ENVIRONMENT": environment})
    prepare_folder(stack.environment.stack.folder)
    etc = assemble(stack.plan).parent
    boards = stack.plan.values["boards_environment"]
    [shown] = [each.partition("=")[2] for each in boards if each.startswith("BOARDS_FOLDER=")]
    return Delivered(etc / "prometheus" / "rules", Path(shown), stack.plan.app_environment())


def docker(folder: Path, environment: str) -> Delivered:
    stack = stack_in(folder, LMS_ENVIRONMENT=environment)
    # docker-compose.yml mounts it: tests/grafana/test_provisioning.py.
    boards = stack.folder / "grafana" / "dashboards"
    return Delivered(stack.folder / "prometheus" / "rules", boards, stack.app_environment())


@pytest.mark.parametrize("stack", [native, docker])
@pytest.mark.parametrize("environment", [*environments(), EXAM, "without-an-overlay"])
def test_a_board_judges_as_the_alerts_do(
    stack: Callable[[Path, str], Delivered], environment: str, tmp_path: Path
) -> None:
    delivered, shared = stack(tmp_path, environment), Thresholds.load()
    numbers = {name: float(shared[name].value) for name in OF_A_CHECK} | delivered.limits()
    seen = 0
    for board in BOARDS:
        panels = delivered.panels(board.uid)
        for panel in board.panels():
            shown, limit = panels[panel.about.title], panel.about.limit
            for name in set(names_in(panel.about.description)) & set(numbers):
                assert as_text(numbers[name], shared[name].unit) in shown["description"]
            if not limit:
                continue
            factor = FACTORS.get(shared[limit.name].unit, {}).get(panel.about.unit, 1.0)
            [step] = [
                each["value"]
                for each in shown["fieldConfig"]["defaults"]["thresholds"]["steps"]
                if each["value"]
            ]
            assert math.isclose(step, numbers[limit.name] * factor), (board.uid, panel.about.title)
            seen += 1
    assert seen > 40
