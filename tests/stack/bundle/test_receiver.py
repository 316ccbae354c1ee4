"""Whoever has the bundle and nothing else of this project can follow every word of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from stack.alerting import runbooks as ours
from stack.alerting import thresholds
from stack.bundle.__main__ import main
from stack.bundle.portable import Portable
from stack.native.probes import NO_CERTIFICATES
from tests.alertmanager import runbook_text
from tests.alertmanager.promql import Node, parser
from tests.programs import free_port, running
from tests.stack.bundle import pages as bundle_pages
from tests.stack.bundle.pages import INDENTED, SPAN

SERVICE: Final = "shop"
# What only this project has: its commands, settings, addresses and paths, its name, and what its learners do.
OURS: Final = re.compile(
    r"\bmake [a-z-]+`|`make\b|\.venv|python -m\b|docker compose|\b(?:LMS|STACK|COLLECTOR)_[A-Z]"
    r"|127\.0\.0\.1:(?!9099\b|3000\b)|/api/v1/monitoring|(?<![\w/])(?:docs|app|stack|collector-config)/\w"
    r"|\b[Ll]ms\b|\blms[_-]|\bLms[A-Z]|[Ll]earner|[Ll]esson|[Qq]uiz|[Tt]eacher|[Cc]anary"
)
_FILE: Final = re.compile(r"(?<![\w/.-])(?:[\w*-]+/)*[\w*-]+\.(?:ya?ml|json|md|py|tmpl)")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_LOGQL: Final = re.compile(r'\{service_name="shop"\}( \|= "\w+"| \| \w+(=~?"[\w|]*"|>\d+))*')
_HEADINGS: Final = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation")


@pytest.fixture(name="bundle", scope="module")
def _bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "out"
    assert main(["--service", SERVICE, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(name="pages", scope="module")
def _pages(bundle: Path) -> dict[str, str]:
    """The pages for people by path."""
    return bundle_pages.pages(bundle)


@pytest.fixture(name="texts", scope="module")
def _texts(bundle: Path) -> dict[str, str]:
    """What people read in files of the other kinds, by path: all of it but expressions."""
    found = {}
    for path in bundle.rglob("*"):
        if path.suffix in {".json", ".yml"} and path.name != "bundle.json":
            found[str(path.relative_to(bundle))] = "\n".join(_read(yaml.safe_load(path.read_text())))
        elif path.suffix in {".yaml", ".tmpl"}:
            found[str(path.relative_to(bundle))] = path.read_text()
    return found


def _read(node: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON or YAML
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _read(value, name)
    elif isinstance(node, list):
        for each in node:
            yield from _read(each, key)
    elif isinstance(node, str) and key not in {"expr", "query", "definition"}:
        yield node


def _alerts(bundle: Path) -> dict[str, dict[str, str]]:
    """Returns the annotations of each alert."""
    files = [yaml.safe_load(path.read_text()) for path in (bundle / "prometheus" / "rules").glob("*.yml")]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule["annotations"] for rule in rules if "alert" in rule}


def test_nothing_is_said_that_only_this_project_has(pages: dict[str, str], texts: dict[str, str]) -> None:
    found = {
        name: sorted({each[0] for each in OURS.finditer(text)}) for name, text in (pages | texts).items()
    }
    assert {name: said for name, said in found.items() if said} == {}


def test_every_command_is_one_of_any_machine(pages: dict[str, str]) -> None:
    commands = bundle_pages.commands(pages)
    assert len(commands) > 15
    assert [each for each in commands if each[1].split()[0] not in bundle_pages.PROGRAMS] == []
    variables = {name for _, text in commands for name in re.findall(r"\$([A-Z]+)", text)}
    assert variables == {"PROMETHEUS", "ALERTMANAGER", "SERVICE", "MOUNTPOINT"}
    assert [name for name in variables if name not in pages["README.md"]] == []


def test_every_file_that_a_page_names_is_in_the_bundle(bundle: Path, pages: dict[str, str]) -> None:
    there = [str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()]
    seen = 0
    for name, text in pages.items():
        code = [*SPAN.findall(text), *INDENTED.findall(text)]
        for named in (each for part in code for each in _FILE.findall(part)):
            wanted = re.compile("(?:.*/)?" + re.escape(named).replace(r"\*", "[^/]*"))
            assert any(map(wanted.fullmatch, there)), f"{name} names {named}"
            seen += 1
    assert seen > 20


def test_every_link_leads_somewhere(bundle: Path, pages: dict[str, str]) -> None:
    inside = [
        (bundle / name, link)
        for name, text in pages.items()
        for link in _LINK.findall(text)
        if "://" not in link
    ]
    assert inside
    for page, link in inside:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), f"{page} links to {link}"
        titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not anchor or anchor in slugs, f"{page} links to {link}"


def test_every_runbook_of_an_alert_opens_once_the_folder_is_served(bundle: Path) -> None:
    """As the README says: `python3 -m http.server` in the folder."""
    port, usual = free_port(), "http://127.0.0.1:9099"
    served = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    alerts = _alerts(bundle)
    with running(["/usr/bin/env", "-C", str(bundle), *command], served):
        for name, notes in alerts.items():
            address = notes["runbook_url"].replace(usual, served)
            answer = httpx.get(address, timeout=10, verify=NO_CERTIFICATES)
            assert answer.text.startswith(f"# {name}\n"), address
    assert len(alerts) > 40


def test_texts_lead_to_alerts_and_boards_of_the_bundle(
    bundle: Path, pages: dict[str, str], texts: dict[str, str]
) -> None:
    absent = set(ours.names()) - set(_alerts(bundle))
    boards = {path.stem for path in (bundle / "grafana" / "dashboards").rglob("*.json")}
    for name, text in pages.items():
        said = set(re.findall(r"\b[A-Z][A-Za-z]+\b", SPAN.sub("", INDENTED.sub("", text))))
        assert said & absent == set(), name
        assert set(re.findall(r"^- Dashboard: (\S+)$", text, re.MULTILINE)) <= boards, name
    for name, text in texts.items():
        assert set(re.findall(r"\b[A-Z][A-Za-z]+\b", text)) & absent == set(), name


def test_no_text_became_empty(bundle: Path, pages: dict[str, str]) -> None:
    runbooks = {name: text for name, text in pages.items() if name.startswith("runbooks/")}
    assert len(runbooks) == len(_alerts(bundle))
    for name, text in runbooks.items():
        parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
        assert tuple(parts) == _HEADINGS, name
        assert [title for title, said in parts.items() if len(said.split()) < 2] == [], name
        numbers = re.findall(r"^(\d+)\. ", parts["Diagnosis"], re.MULTILINE)
        assert numbers == [str(number) for number, _ in enumerate(numbers, 1)], name
    for name, notes in _alerts(bundle).items():
        assert all(notes[key] for key in ("summary", "description", "impact") if key in notes), name
    for path in (bundle / "grafana" / "dashboards").rglob("*.json"):
        listed = json.loads(path.read_text())["panels"]
        inside = [each for panel in listed for each in (panel, *(panel.get("panels") or []))]
        assert all(each["description"] for each in inside if each["type"] != "row"), path


@pytest.fixture(name="parse", scope="module")
def _parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Node]]:
    with parser(tmp_path_factory.mktemp("parser")) as parse:
        yield parse


def test_every_query_is_promql_or_logql(pages: dict[str, str], parse: Callable[[str], Node]) -> None:
    runbooks = {name: text for name, text in pages.items() if name.startswith("runbooks/")}
    logs = [
        each for text in runbooks.values() for each in SPAN.findall(text) if each.startswith("{service_name=")
    ]
    assert logs
    assert [each for each in logs if not _LOGQL.fullmatch(each)] == []
    queries = [each.text for each in runbook_text.queries(runbooks) if each.text not in logs]
    assert len(queries) > 60
    for query in queries:
        parse(query)


def test_a_bundle_has_the_numbers_of_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "exam-week.yml").write_text("thresholds: {api_p95: 2, scale_pressure: 0.5}\n")
    monkeypatch.setattr(thresholds, "ENVIRONMENTS", folder)
    out = tmp_path / "out"
    assert main(["--service", SERVICE, "--environment", "exam-week", "--out", str(out)]) == 0
    assert "- api_p95: 2 s, because" in (out / "runbooks" / "ApiSlow.md").read_text()
    assert 'threshold: "0.5"' in (out / "keda" / "shop.yaml").read_text()
    board = json.loads((out / "grafana" / "dashboards" / "platform" / "shop-api.json").read_text())
    [panel] = [each for each in board["panels"] if each["title"] == "Duration by route, p95"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] == 2


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("Start it (`make up`).", "Start it."),
        ("Raise the limit (`LMS_WORKERS`), or wait.", "Raise the limit, or wait."),
        ("It is full. `make status` says more.", "It is full."),
        ("- `make up`\n- Wait.", "- Wait."),
        ("1. `make status`\n2. Wait (5 s).\n3. Of 10.", "1. Wait (5 s).\n2. Of 10."),
        ("1. Is it up? `make status`\n\n       up{}\n\n2. Wait.", "\n\n1. Wait."),
        ("Look into `make logs PART=redis` for it.", "Look into Redis' log for it."),
        ("- `make logs`: its end.", "- The Collector's log: its end."),
        ("see DatabaseDown. Wait.", "Wait."),
        ("`curl -i http://127.0.0.1:8000/livez`", '`curl -i "$SERVICE"`'),
        ("see `docs/health.md`.", ""),
        ("Make it (see docs/a.md) small.", "Make it small."),
    ],
)
def test_what_only_this_project_has_is_left_out(source: str, left: str) -> None:
    assert Portable(["DatabaseDown"]).text(source) == left


def test_comments_are_made_portable_and_wrapped() -> None:
    source = "# One. See docs/a.md.\n# Two (`make up`).\na: 1 # 0.7 in docs/a.md\nb: 2 # kept\n"
    made = Portable().comments(source, str.upper)
    assert made == "# ONE. TWO.\na: 1\nb: 2 # KEPT\n"
