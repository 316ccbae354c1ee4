"""Whatever pages and comments name exists: alerts, fragments, tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector_kit.fragments import FRAGMENTS
from stack.settings import REPOSITORY
from tests.alertmanager.rendered import alerts

FOLDERS = ("collector-config", "alertmanager", "docs", "stack/prometheus", "stack/loki", "stack/tempo")
PAGES = sorted(
    path
    for folder in FOLDERS
    for path in (REPOSITORY / folder).rglob("*")
    if path.suffix in {".md", ".yaml", ".yml"}
)
# Words that look like alerts and are values of Kubernetes, classes or programs.
OTHERS = {
    "ApiKey",
    "DatabaseRefused",
    "HostToContainer",
    "TelemetryConfig",
    "VictoriaLogs",
    "VictoriaMetrics",
}


def test_an_alert_that_is_named_exists() -> None:
    kinds = {re.sub(r"(?<=[a-z])[A-Z].*", "", name) for name in alerts()} - {"Watchdog"}
    assert {"Collector", "Loki", "Prometheus"} <= kinds
    # A file such as LmsDown.md is none; the last word of a sentence is one.
    pattern = re.compile(rf"(?<![\w./])(?:{'|'.join(sorted(kinds))})(?:[A-Z][a-z]+)+(?![\w/(]|\.\w)")
    named = {(path.name, name) for path in PAGES for name in pattern.findall(path.read_text())}
    assert len(named) > 10
    assert {(page, name) for page, name in named if name not in set(alerts()) | OTHERS} == set()


@pytest.mark.parametrize(
    "page", ["README.md", "FRAGMENTS.md", "kubernetes/README.md", "distribution/mask/README.md"]
)
def test_a_file_that_is_named_exists(page: str) -> None:
    text = (FRAGMENTS / page).read_text()
    names = set(re.findall(r"`([\w./*-]+\.(?:yaml|yml|py|md|txt))`", text)) - {"acme.yaml", "x.yaml"}
    names -= {"tests/cases/acme.yml", "manifest.yaml", "config.yaml"}
    assert names
    roots = (REPOSITORY, FRAGMENTS, (FRAGMENTS / page).parent)
    missing = {name for name in names if not any(any(root.glob(name)) for root in roots)}
    assert missing == set()


def test_a_command_that_is_named_is_a_module() -> None:
    modules = {
        name
        for path in PAGES
        for name in re.findall(r"python -m ((?:stack|bench|collector_kit)\b[\w.]*)", path.read_text())
    }
    assert {name.partition(".")[0] for name in modules} == {"stack", "bench", "collector_kit"}
    roots = {"collector_kit": FRAGMENTS}
    places = [
        roots.get(name.partition(".")[0], REPOSITORY) / Path(*name.rstrip(".").split(".")) for name in modules
    ]
    assert [
        str(p) for p in places if not p.with_suffix(".py").exists() and not (p / "__main__.py").exists()
    ] == []
