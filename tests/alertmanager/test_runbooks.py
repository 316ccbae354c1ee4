"""Whoever was asleep a minute ago can paste what a runbook says."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.alerting import runbooks
from stack.alerting.thresholds import Thresholds
from stack.settings import REPOSITORY, StackSettings
from tests.alertmanager import runbook_text
from tests.alertmanager.promql import Node, parser
from tests.alertmanager.runbook_text import Pasted

TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)) | {
    "alert-test"
}
PORTS = {field.default for name, field in StackSettings.model_fields.items() if name.startswith("port_")}


@pytest.fixture(name="parse", scope="module")
def _parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Node]]:
    with parser(tmp_path_factory.mktemp("parser")) as parse:
        yield parse


def test_every_query_is_promql(parse: Callable[[str], Node]) -> None:
    assert len(runbook_text.queries()) > len(runbooks.names())
    for query in runbook_text.queries():
        parse(query.text)


def test_every_selector_is_read_as_a_query() -> None:
    """A query of another language would be neither parsed nor asked: the log store's are in a command."""
    assert runbook_text.unread() == []


def test_every_command_is_read_as_one() -> None:
    unknown = {each.text for each in runbook_text.spans() if not each.program} - {
        each.text for each in runbook_text.queries()
    }
    starts = {text for text in unknown if " " in text and shutil.which(text.split()[0])}
    assert starts - {"file size too small", "apt install python3-venv"} == set()


def _words(pasted: Pasted) -> list[str]:
    return pasted.text.split()


def test_every_command_exists() -> None:
    for each in runbook_text.commands():
        words = _words(each)
        if each.program == "make":
            assert TARGETS & set(words), each
        assert each.program != "python", f"of the project is .venv/bin/python: {each}"
        if words[:2] == [".venv/bin/python", "-m"]:
            assert importlib.util.find_spec(words[2]), each


def test_every_address_is_one_of_the_stack() -> None:
    found = [
        (each, int(port))
        for each in runbook_text.commands()
        for port in re.findall(r"127\.0\.0\.1:(\d+)", each.text)
    ]
    assert found
    assert [each for each, port in found if port not in PORTS | {8000}] == []


def test_curl_does_not_read_braces_as_its_own() -> None:
    """`curl` takes braces in an address for a list, unless -g."""
    for each in runbook_text.commands():
        addresses = [word for word in _words(each) if word.strip("'\"").startswith(("http://", "https://"))]
        assert each.program != "curl" or not any(set("{}[]") & set(word) for word in addresses), each


def test_a_head_has_every_fact_of_its_alert() -> None:
    known = Thresholds.load()
    for name, alert in runbooks.alerts().items():
        head = runbooks.render(name).partition("## Meaning")[0]
        labels = alert.rule["labels"]
        owner = labels.get("owner", "nobody")
        said = "the alert's label `owner`" if "{{" in owner else owner  # an objective's, which slos.yml names
        facts = [f"# {name}\n", f"Severity: {labels['severity']} ", f"Owner: {said}"]
        facts += [alert.rule.get("for", ""), alert.rule.get("keep_firing_for", "")]
        facts += [text for each in alert.thresholds for text in (known[each].text, known[each].reason)]
        assert [fact for fact in facts if fact not in head] == [], name


def test_a_new_runbook_begins_with_its_headings_and_gets_its_head_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runbooks, "RUNBOOKS", tmp_path)
    page = tmp_path / "LmsDown.md"
    page.write_text("## Meaning\nNobody answers.\n")
    page.write_text(runbooks.render("LmsDown"))
    assert page.read_text().startswith("# LmsDown\n\n<!-- Generated")
    assert page.read_text().endswith("```\n\n## Meaning\nNobody answers.\n")
    assert runbooks.render("LmsDown") == page.read_text()


def test_thresholds_of_an_alert_are_those_that_its_rule_names() -> None:
    alerts = runbooks.alerts()
    assert alerts["CollectorQueueFilling"].thresholds == ("collector_queue_used",)
    assert alerts["Watchdog"].thresholds == ()
