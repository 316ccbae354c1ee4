"""The generated files: `make generate` writes them, `make check` compares them."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from app.core.telemetry import LMS_METRICS
from app.infra.rate_limits.rules import RulesFile
from collector_kit import masking, page
from collector_kit.fragments import CollectorError
from grafana import build
from grafana import page as boards_page
from grafana.board import BoardError
from otel import docs
from stack import environment, redaction_rules
from stack.alerting import AlertingError, health, measuring, runbooks
from stack.settings import REPOSITORY


def rate_limits_schema() -> str:
    """Returns the JSON schema of the rate limiter's rules file, for editors."""
    schema = RulesFile.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


FILES: Final[Mapping[str, Callable[[], str]]] = {
    ".env.example": environment.example,
    "collector-config/base.yaml": redaction_rules.render,
    # After base.yaml, and before the page about the fragments, which reads it.
    "collector-config/mask.yaml": masking.render,
    "collector-config/FRAGMENTS.md": page.render,
    "app/rate-limits.schema.json": rate_limits_schema,
    "app/core/settings/thresholds.py": health.module,
    "stack/alerting/measured.json": measuring.render,
    "docs/telemetry.md": lambda: docs.render([LMS_METRICS]),
    **build.files(),
    "docs/boards.md": boards_page.render,
    **{f"alertmanager/runbooks/{name}.md": partial(runbooks.render, name) for name in runbooks.names()},
}
SHOWN_LINES: Final = 20


def stale() -> dict[str, str]:
    """Returns the first lines of the difference for each stale file."""
    return {name: difference for name, text in FILES.items() if (difference := _difference(name, text()))}


def write() -> list[str]:
    """Writes the files that differ, in order, because one may read another; returns their names."""
    written = []
    for name, text in FILES.items():
        path = REPOSITORY / name
        if not _difference(name, text()):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")
        written.append(name)
    return written


def _difference(name: str, wanted: str) -> str:
    path = REPOSITORY / name
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        found.splitlines(),
        wanted.splitlines(),
        f"{name} as it is",
        f"{name} as it should be",
        lineterm="",
        n=0,
    )
    return "\n".join(list(lines)[:SHOWN_LINES])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; 1 if `check` finds a stale file, 2 if one cannot be generated."""
    parser = argparse.ArgumentParser(prog="python -m stack.generated", description=__doc__)
    parser.add_argument("command", choices=["write", "check"])
    command = parser.parse_args(argv).command
    try:
        return _written() if command == "write" else _checked()
    except (AlertingError, BoardError, CollectorError) as error:
        print(error, file=sys.stderr)
        return 2


def _written() -> int:
    print("\n".join(f"wrote {name}" for name in write()) or "Every generated file is up to date.")
    return 0


def _checked() -> int:
    found = stale()
    for name, difference in found.items():
        print(f"{name} is out of date: run `make generate`.{_edited(name)}\n{difference}", file=sys.stderr)
    return int(bool(found))


def _edited(name: str) -> str:
    """Returns where an edit by hand belongs, if the file is a board."""
    path = REPOSITORY / name
    if name not in build.files() or not path.exists():
        return ""
    panels = ", ".join(map(repr, build.changed(path.read_text(encoding="utf-8"), FILES[name]())))
    return f" An edit belongs in its module in grafana/boards/. What differs: {panels or 'the board'}."


if __name__ == "__main__":
    sys.exit(main())
