"""Checks everything about alerts with the programs that read it, and that no alert lacks a part."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from stack.alerting.channels import Channels, write
from stack.alerting.links import Links
from stack.alerting.rules import alerts_in, dashboard_of, write_rules, write_tested
from stack.alerting.runbooks import SEVERITIES
from stack.alerting.sources import ALERTING, CASES, DASHBOARDS, OWNERS, ROUTES, RULES
from stack.native.tools import ensure

NO_DATA: Final = "no data"
HEADINGS: Final = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation")
_VARIABLE: Final = re.compile(r"[?&]var-(\w+)=")
_ALWAYS: Final = "none"
_ESCALATES: Final = "page"
_SECONDS: Final = 600
_HEAD: Final = (
    "alert",
    "file",
    "severity",
    "owner",
    "fires",
    "quiet",
    "no data",
    "runbook",
    "goes to",
    "dashboard",
)


@dataclass(frozen=True, slots=True)
class Row:
    """What is known about one alert; ``faults`` are sentences, each with its fix."""

    cells: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome: a row for each alert, and every fault."""

    rows: tuple[Row, ...]
    programs: tuple[str, ...]

    @property
    def faults(self) -> list[str]:
        """Every fault, those that the programs found first."""
        return [*self.programs, *(fault for row in self.rows for fault in row.faults)]

    def table(self) -> str:
        """Returns the rows under a head, aligned."""
        lines = [_HEAD, *(row.cells for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(_HEAD))]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


@dataclass(frozen=True, slots=True)
class _Cases:
    """Of one file: which alerts fire in some case, stay quiet in some, and are in the test without data."""

    fires: frozenset[str]
    quiet: frozenset[str]
    without_data: frozenset[str]

    @classmethod
    def of(cls, tests: Iterable[Mapping[str, Any]]) -> _Cases:
        named = [(test.get("name"), case) for test in tests for case in test.get("alert_rule_test") or []]
        return cls(
            frozenset(case["alertname"] for _, case in named if case.get("exp_alerts")),
            frozenset(case["alertname"] for _, case in named if not case.get("exp_alerts")),
            frozenset(case["alertname"] for name, case in named if name == NO_DATA),
        )


def check(environment: str = "", *, folder: Path = ALERTING) -> Checked:
    """Renders the sources in a folder for an environment and checks the result.

    Cases run without the overlay: they prove the rules just below and just above the shared thresholds.

    Args:
        environment: the deployment's name, whose overlay of thresholds is used.
        folder: the folder of the sources.

    Raises:
        AlertingError: a source cannot be rendered; the message names file, field and fix.
        ToolError: promtool or amtool cannot be built.
    """
    tools = ensure(["promtool", "amtool"])
    with tempfile.TemporaryDirectory(prefix="alerts-check-") as made:
        rendered, proved = Path(made) / "rendered", Path(made) / "proved"
        write_rules(rendered / RULES, environment, Links(), source=folder)
        write_tested(proved, "", Links(), source=folder)
        write(rendered, Channels(), environment=environment)
        programs = tuple(_programs(rendered, proved, tools))
        return Checked(tuple(_rows(rendered, proved / CASES, folder, tools)), programs)


def _programs(rendered: Path, proved: Path, tools: Mapping[str, Path]) -> Iterator[str]:
    """Yields what promtool and amtool complain about."""
    for path in sorted((rendered / RULES).glob("*.yml")):
        yield from _complaint(tools["promtool"], "check", "rules", "--lint=all", "--lint-fatal", path)
    for path in sorted((proved / CASES).glob("*.yml")):
        yield from _complaint(tools["promtool"], "test", "rules", path)
    yield from _complaint(tools["amtool"], "check-config", rendered / ROUTES.name)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=_SECONDS
    )


def _complaint(*command: str | Path) -> Iterator[str]:
    done = _run(*command)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        name, what = Path(command[-1]).name, " ".join(map(str, command[1:3]))
        yield f"{name}: {Path(command[0]).name} {what} refuses it:\n{said}"


def _rows(rendered: Path, proving: Path, folder: Path, tools: Mapping[str, Path]) -> Iterator[Row]:
    routes = _Routes(tools["amtool"], rendered / ROUTES.name)
    seen: dict[str, str] = {}
    files = [_read(path) for path in sorted(proving.glob("*.yml"))]
    for path in sorted((rendered / RULES).glob("*.yml")):
        loading = [content for content in files if f"../{RULES}/{path.name}" in content["rule_files"]]
        cases = _Cases.of(test for content in loading for test in content["tests"])
        for rule in alerts_in(_read(path)):
            name = rule["alert"]
            receivers = routes.of(name, rule.get("labels") or {})
            faults = list(_faults(path.name, rule, cases, folder, receivers))
            if name in seen:
                faults.append(
                    f"{path.name}: {name}: {seen[name]} has an alert of this name; rename one of them."
                )
            seen[name] = path.name
            yield Row(_cells(path.name, rule, cases, folder, receivers), tuple(faults))


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.is_file() else {}


class _Routes:
    """Asks amtool to whom alerts go; alerts that no route names and whose labels are equal, once."""

    def __init__(self, amtool: Path, configuration: Path) -> None:
        self._amtool = amtool
        self._configuration = configuration
        self._text = configuration.read_text(encoding="utf-8")
        self._known: dict[tuple[str, ...], str] = {}

    def of(self, alert: str, labels: Mapping[str, str]) -> str:
        pairs = [f"{name}={value}" for name, value in sorted(labels.items()) if "{{" not in value]
        named = (f"alertname={alert}",) if alert in self._text else ("alertname=Other",)
        key = (*named, *pairs)
        if key not in self._known:
            file = f"--config.file={self._configuration}"
            self._known[key] = _run(self._amtool, "config", "routes", "test", file, *key).stdout.strip()
        return self._known[key]


def _cells(
    file: str, rule: Mapping[str, Any], cases: _Cases, folder: Path, receivers: str
) -> tuple[str, ...]:
    name, labels = rule["alert"], rule.get("labels") or {}
    found = [
        name in cases.fires,
        name in cases.quiet,
        name in cases.without_data,
        _runbook(folder, name).is_file(),
    ]
    return (
        *(name, file, labels.get("severity", ""), labels.get("owner", "")),
        *("yes" if each else "-" for each in found),
        *(receivers, dashboard_of(rule)),
    )


def _faults(file: str, rule: Mapping[str, Any], cases: _Cases, folder: Path, receivers: str) -> Iterator[str]:
    name, labels = rule["alert"], rule.get("labels") or {}
    where, tests = f"{file}: {name}:", f"{CASES}/{file}"
    yield from _of_texts(where, labels, rule.get("annotations") or {})
    if name not in cases.fires:
        yield f"{where} no case fires; add one to {tests}."
    always = labels.get("severity") == _ALWAYS
    if name not in cases.quiet and not always:
        yield f"{where} no case stays quiet; add one to {tests}."
    if name not in cases.without_data:
        yield f"{where} it is not in the test `{NO_DATA}`; name it there in {tests}."
    if not receivers or "not found" in receivers:
        yield f"{where} no route takes it; correct its severity, or add a route to {ROUTES.name}."
    if labels.get("severity") == _ESCALATES and not rule.get("keep_firing_for"):
        yield f"{where} keep_firing_for is missing; each short recovery would begin its escalation again."
    yield from _of_dashboard(where, rule)
    yield from _of_runbook(where, _runbook(folder, name))


def _of_dashboard(where: str, rule: Mapping[str, Any]) -> Iterator[str]:
    uid, boards = dashboard_of(rule), variables()
    if uid not in boards:
        yield f"{where} dashboard {uid!r} does not exist; use one of {', '.join(sorted(boards))}."
        return
    for name in set(_VARIABLE.findall(rule["annotations"]["dashboard_url"])) - boards[uid]:
        known = ", ".join(sorted(boards[uid]))
        yield f"{where} dashboard {uid!r} has no variable {name!r}; it has {known}."


@cache
def variables() -> Mapping[str, frozenset[str]]:
    """Returns the names of each generated dashboard's variables, by its uid."""
    boards = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.rglob("*.json")))
    return {board["uid"]: frozenset(each["name"] for each in board["templating"]["list"]) for board in boards}


def _of_texts(where: str, labels: Mapping[str, str], notes: Mapping[str, str]) -> Iterator[str]:
    for label, choices in (("severity", SEVERITIES), ("owner", OWNERS)):
        if labels.get(label) not in choices and "{{" not in labels.get(label, ""):
            yield f"{where} label {label} is {labels.get(label)!r}; use one of {', '.join(choices)}."
    if not labels.get("service_name"):
        yield f"{where} label service_name is missing; name what is broken."
    for note in ("summary", "description", "impact"):
        if not notes.get(note):
            yield f"{where} annotation {note} is missing; write one for somebody who is tired."


def _of_runbook(where: str, path: Path) -> Iterator[str]:
    if not path.is_file():
        yield f"{where} it has no runbook; write runbooks/{path.name}."
        return
    text = path.read_text(encoding="utf-8")
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    if headings != list(HEADINGS):
        yield f"{where} runbooks/{path.name} must have the headings {', '.join(HEADINGS)}, in this order."


def _runbook(folder: Path, name: str) -> Path:
    return folder / "runbooks" / f"{name}.md"


def run(environment: str) -> int:
    """Prints the table and each fault; returns 1 if there is one."""
    checked = check(environment)
    print(checked.table())
    for fault in checked.faults:
        print(fault, file=sys.stderr)
    count = len(checked.faults)
    print(f"{len(checked.rows)} alerts; {f'{count} faults' if count else 'no fault'}.")
    return int(count > 0)
