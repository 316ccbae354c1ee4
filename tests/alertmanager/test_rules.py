"""What all alerts have in common; cases record before they read. `make alerts-check` does the rest."""

from __future__ import annotations

import re
from typing import Any

import yaml

from stack.alerting import runbooks
from stack.alerting.sources import ALERTING
from tests.alertmanager.mutants import seconds
from tests.alertmanager.rendered import alerts, case_files

# Shares without a least number of events, with the reason.
FEW_ARE_ENOUGH = {
    "AlertmanagerReachesNobody": "one notification that no channel delivers is the fault",
    "FailedLoginStorm": "its other threshold is a rate of many",
    "PrometheusNotificationsFail": "it must last as long as its window: a single error has left it",
}
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


def test_a_page_does_not_outlast_a_single_event() -> None:
    """`for` of a page on any increase is as long as its window: one event has left the window by then."""
    for name, rule in alerts().items():
        windows = re.findall(r"increase\([^\[\]]+\[(\w+)\]\)\) > 0", rule["expr"])
        if windows and rule["labels"]["severity"] == "page":
            assert seconds(rule.get("for", "0s")) >= max(map(seconds, windows)), name


def test_a_share_of_few_events_is_none() -> None:
    for name, alert in runbooks.alerts().items():
        expression, thresholds = alert.rule["expr"], " ".join(alert.thresholds)
        counts = re.search(r"increase|rate\(", expression)
        share = counts and (" / " in expression or re.search("share|ratio", thresholds))
        enough = re.search("min|least", thresholds) or name in FEW_ARE_ENOUGH
        assert not share or enough, f"{name} needs a least number of events, a threshold named ..._min"


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
