"""The bundle's README: what each file is, how to install it, what is not in it."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

import yaml

from stack.alerting.links import Links
from stack.bundle.boards import Boards
from stack.bundle.configuration import SECRETS
from stack.bundle.rules import Rules
from stack.bundle.wording import Wording
from stack.settings import REPOSITORY

_NEEDS_NOTHING: Final = "Nothing in this folder needs that project."
# The platform's people have the repository, and its stack.
_NEEDS_US: Final = "The commands in its runbooks are those of that project's own stack."
_PROGRAMS: Final = ("prometheus", "alertmanager", "loki", "tempo", "grafana")
_TEMPLATE: Final = Path(__file__).with_suffix(".md")


def text(wording: Wording, rules: Rules, boards: Boards, links: Links, alertmanager: Path) -> str:
    """Returns the README of a bundle."""
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        service=wording.service,
        alertmanager=alertmanager,
        runbooks=links.runbooks,
        grafana=links.grafana,
        needs=_NEEDS_US if wording.own else _NEEDS_NOTHING,
        versions=_versions(),
        secrets=", ".join(f"`secrets/{name}`" for name in SECRETS),
        alerts=len(rules.alerts),
        boards=", ".join(boards.titles.values()),
        left_out=_left_out(rules, boards),
    )


def _versions() -> str:
    """Returns the programs that the bundle is for, with the versions that this project runs."""
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    tags = {name: services[name]["image"].rpartition(":")[2].removeprefix("v") for name in _PROGRAMS}
    *first, last = (f"{name.capitalize()} {tag}" for name, tag in tags.items())
    return f"{', '.join(first)} and {last}"


def _left_out(rules: Rules, boards: Boards) -> str:
    if not rules.left_out and not boards.left_out:
        return "Nothing is left out: the service is the learning platform itself."
    lines = [
        "## What is left out",
        "",
        "What reads metrics that only the learning platform has, or that its canary has:",
        "",
        f"- alerts: {', '.join(f'`{name}`' for name in rules.absent)}, and what is recorded for them",
        *(f"- {title}" for title in boards.left_out),
    ]
    return "\n".join(lines)
