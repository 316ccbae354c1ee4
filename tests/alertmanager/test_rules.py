"""Runbooks and alerts are the same set; cases record before they read. `make alerts-check` does the rest."""

from __future__ import annotations

import re
from typing import Any

import yaml

from stack.alerting.sources import ALERTING
from tests.alertmanager.rendered import alerts, case_files

PARTS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation")


def test_runbooks_and_alerts_are_the_same_set_and_have_the_same_parts() -> None:
    books = {path.stem: path.read_text() for path in (ALERTING / "runbooks").glob("*.md")}
    assert set(books) == set(alerts())
    for name, text in books.items():
        headings = [line for line in text.splitlines() if line.startswith("#")]
        assert headings == [f"# {name}", *(f"## {part}" for part in PARTS)]


def test_an_alert_leads_to_its_runbook() -> None:
    for name, rule in alerts().items():
        assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{name}.md")


def test_a_case_records_before_it_reads() -> None:
    """`promtool` evaluates groups that no case orders in random order."""
    for path in case_files():
        content = yaml.safe_load(path.read_text())
        files = [yaml.safe_load((path.parent / name).read_text()) for name in content["rule_files"]]
        groups = {group["name"]: group["rules"] for file in files for group in file["groups"]}
        order = content["group_eval_order"]
        assert sorted(order) == sorted(groups)
        assert _too_early([groups[name] for name in order]) == []


def _too_early(groups: list[list[dict[str, Any]]]) -> list[str]:
    """Returns the rules that read what a later group records."""
    places = {
        rule["record"]: place for place, rules in enumerate(groups) for rule in rules if "record" in rule
    }
    return [
        rule.get("alert") or rule["record"]
        for place, rules in enumerate(groups)
        for rule in rules
        if any(places.get(name, -1) > place for name in re.findall(r"[\w:]+", rule["expr"]))
    ]
