"""Prometheus' rules and their cases: the sources, with thresholds filled in and links added."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import yaml

from stack.alerting import burn_rates, slos
from stack.alerting.errors import AlertingError
from stack.alerting.links import Links
from stack.alerting.sources import ALERTING, CASES, RULES
from stack.alerting.thresholds import Thresholds
from stack.alerting.yaml_files import mapping

_LABEL: Final = re.compile(r"\{\{ \$labels\.(\w+) \| urlQueryEscape \}\}")
_DASHBOARD: Final = "dashboard"
_UID: Final = re.compile(r"/d/([^?]+)")

GENERATED: Final[dict[str, Callable[[str], str]]] = {
    "slo-recordings.yml": lambda _environment: burn_rates.render(slos.load()),
}
"""Rule files without a source: what makes each, of the environment's name. Placeholders are filled in too."""


def rules(environment: str, links: Links, *, folder: Path = ALERTING) -> dict[str, str]:
    """Returns every rule file by name, as Prometheus reads it.

    Args:
        environment: the deployment's name, which chooses the overlay of thresholds.
        links: where people open runbooks, dashboards, logs and traces.
        folder: the folder of the sources.

    Raises:
        AlertingError: a source is wrong; the message names it.
    """
    thresholds = Thresholds.load(environment)
    return {
        name: _dumped(_linked(mapping(thresholds.fill(text, name), name), name, links), name)
        for name, text in sources(environment, folder=folder).items()
    }


def sources(environment: str, *, folder: Path = ALERTING) -> dict[str, str]:
    """Returns the text of every rule file by name, with its placeholders.

    Raises:
        AlertingError: what a file is generated from is wrong.
    """
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / RULES).glob("*.yml"))}
    return found | {name: make(environment) for name, make in GENERATED.items()}


def _cases(environment: str, rendered: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Returns every file of cases by name, as `promtool test rules` reads it beside the rendered rules.

    Raises:
        AlertingError: a source is wrong, or a case expects an alert that no rule has.
    """
    thresholds = Thresholds.load(environment)
    files = {name: mapping(text, name) for name, text in rendered.items()}
    known = {rule["alert"]: rule for content in files.values() for rule in alerts_in(content)}
    found = {}
    for path in sorted((folder / CASES).glob("*.yml")):
        content = mapping(thresholds.fill(path.read_text(encoding="utf-8"), path.name), path.name)
        # promtool's own order is random, and a rule would sometimes read what is not recorded yet.
        content["group_eval_order"] = list(_groups(content["rule_files"], files, path.name))
        found[path.name] = _dumped(_expected(content, known, path.name), path.name)
    return found


def write_rules(folder: Path, environment: str, links: Links, *, source: Path = ALERTING) -> None:
    """Writes the rule files into the folder, in place, and removes those that are gone.

    Whatever is wrong is found first: then nothing is written, and what was in force stays.

    Raises:
        AlertingError: a source is wrong; the message names it.
    """
    _write(folder, rules(environment, links, folder=source))


def write_tested(folder: Path, environment: str, links: Links, *, source: Path = ALERTING) -> None:
    """Writes rules and cases side by side: ``promtool test rules <folder>/tests/*.yml``.

    Raises:
        AlertingError: a source is wrong; the message names it.
    """
    rendered = rules(environment, links, folder=source)
    tested = _cases(environment, rendered, source)
    _write(folder / RULES, rendered)
    _write(folder / CASES, tested)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.yml"):
        if stale.name not in files:
            stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _dumped(content: Mapping[str, Any], name: str) -> str:
    head = f"# Generated from alertmanager/ ({name}) at every start: edit the files there.\n"
    return head + yaml.safe_dump(dict(content), sort_keys=False, width=1000, allow_unicode=True)


def alerts_in(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the alerts of a rule file's content."""
    for group in content.get("groups") or []:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def _groups(loaded: Iterable[str], files: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yields the names of the groups in the order of their files."""
    for file in loaded:
        if Path(file).name not in files:
            raise AlertingError(f"{name} loads {file}, which is no rule file.")
        yield from (group["name"] for group in files[Path(file).name]["groups"])


def dashboard_of(rule: Mapping[str, Any]) -> str:
    """Returns the uid of a rendered alert's dashboard; empty if it has none."""
    found = _UID.search((rule.get("annotations") or {}).get("dashboard_url", ""))
    return found[1] if found else ""


def _linked(content: dict[str, Any], name: str, links: Links) -> dict[str, Any]:
    """Replaces each alert's annotation ``dashboard`` by the addresses that people open."""
    for rule in alerts_in(content):
        notes = rule.setdefault("annotations", {})
        if _DASHBOARD not in notes:
            raise AlertingError(f"{name}: {rule['alert']} lacks the annotation {_DASHBOARD}: name its uid.")
        service = rule.get("labels", {}).get("service_name", "")
        rule["annotations"] = notes | links.annotations(rule["alert"], notes[_DASHBOARD], service)
        del rule["annotations"][_DASHBOARD]
    return content


def _expected(content: dict[str, Any], known: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Completes the annotations that the cases expect by the addresses that the rules got."""
    for series in (series for test in content["tests"] for series in test.get("input_series") or []):
        if not isinstance(series["values"], str):
            raise AlertingError(f"{name}: quote the values of {series['series']}: YAML reads 0x80 as 128.")
    for case in (case for test in content["tests"] for case in test.get("alert_rule_test") or []):
        if case["alertname"] not in known:
            raise AlertingError(f"{name} expects the alert {case['alertname']}, which no rule file has.")
        notes = known[case["alertname"]]["annotations"]
        addresses = {key: text for key, text in notes.items() if key.endswith("_url")}
        for expected in case.get("exp_alerts") or []:
            labels = expected.get("exp_labels") or {}
            filled = {key: _templated(text, labels) for key, text in addresses.items()}
            expected["exp_annotations"] = (expected.get("exp_annotations") or {}) | filled
    return content


def _templated(text: str, labels: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda match: quote_plus(str(labels.get(match[1], ""))), text)
