"""The rules and cases as Prometheus and promtool read them, rendered once for everybody who asks."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stack.alerting import Links, rules
from stack.native.tools import tool_path

LINKS = Links(logs="http://127.0.0.1:9428/logs/{service}", traces="http://127.0.0.1:16686/traces/{service}")
_SECONDS = 120


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    """Returns the folder, which is removed when Python ends."""
    kept = tempfile.TemporaryDirectory(prefix="rules-")
    rules.write_tested(Path(kept.name), "", LINKS)
    return kept


def tested() -> Path:
    """Returns a folder with ``rules/`` and ``tests/``, without an overlay; do not change it."""
    return Path(_kept().name)


def rule_files() -> list[Path]:
    """Returns the rendered rule files."""
    return sorted((tested() / "rules").glob("*.yml"))


def case_files() -> list[Path]:
    """Returns the rendered files of cases."""
    return sorted((tested() / "tests").glob("*.yml"))


@cache
def every_rule() -> tuple[dict[str, Any], ...]:
    """Returns every rule, recordings too, as Prometheus reads it."""
    groups = [group for path in rule_files() for group in yaml.safe_load(path.read_text())["groups"]]
    return tuple(rule for group in groups for rule in group["rules"])


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """Returns every alert by name, as Prometheus reads it."""
    return {rule["alert"]: rule for rule in every_rule() if "alert" in rule}


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a built tool and returns how it ended."""
    command = [str(tool_path(tool)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
