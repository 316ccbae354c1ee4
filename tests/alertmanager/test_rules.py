"""Runbooks and alerts are the same set; `make alerts-check` checks what else each alert must have."""

from __future__ import annotations

from stack.alerting.sources import ALERTING
from tests.alertmanager.rendered import alerts

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
