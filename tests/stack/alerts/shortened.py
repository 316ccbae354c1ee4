"""Production's rules and routes in seconds instead of minutes; expressions, labels and receivers stay."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from stack.native.native_stack import NativeStack

WINDOW_SECONDS: Final = 20
SECOND_LINE_SECONDS: Final = 15
MANAGEMENT_SECONDS: Final = 30
_WAITS: Final = {"escalation-second-line": SECOND_LINE_SECONDS, "escalation-management": MANAGEMENT_SECONDS}
_RANGE: Final = re.compile(r"\[(\d+)([smhdw])\]")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SCRAPE: Final = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"}


def shorten(stack: NativeStack) -> None:
    """Changes what the running stack's Prometheus and Alertmanager read, and lets them read it again."""
    prometheus = stack.folder / "etc" / "prometheus"
    for path in sorted((prometheus / "rules").glob("*.yml")):
        _rewrite(path, _rules)
    _rewrite(prometheus / "prometheus.yml", _scraping)
    _rewrite(stack.folder / "etc" / "alertmanager" / "alertmanager.yml", _routes)
    reload(stack, "prometheus")
    reload(stack, "alertmanager")


def reload(stack: NativeStack, part: str) -> None:
    """Lets a part read its configuration again."""
    os.kill(stack.supervisor.states()[part].pid, signal.SIGHUP)


def rule_file(stack: NativeStack, alert: str) -> tuple[Path, str]:
    """Returns the rule file that has an alert, and its text."""
    for path in sorted((stack.folder / "etc" / "prometheus" / "rules").glob("*.yml")):
        text = path.read_text()
        if f"alert: {alert}\n" in text:
            return path, text
    raise LookupError(f"no rule file has {alert}")


def _rewrite(path: Path, change: Any) -> None:  # noqa: ANN401 - YAML to YAML
    path.write_text(yaml.safe_dump(change(yaml.safe_load(path.read_text())), sort_keys=False, width=10_000))


def _scraping(configuration: dict[str, Any]) -> dict[str, Any]:
    jobs = [
        {key: each for key, each in job.items() if key not in _SCRAPE}
        for job in configuration["scrape_configs"]
    ]
    return {**configuration, "global": configuration["global"] | _SCRAPE, "scrape_configs": jobs}


def _rules(content: dict[str, Any]) -> dict[str, Any]:
    for group in content["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule["expr"] = _RANGE.sub(_window, str(rule["expr"]))
            for wait in rule.keys() & {"for", "keep_firing_for"}:
                rule[wait] = "5s"
    return content


def _window(match: re.Match[str]) -> str:
    return match[0] if int(match[1]) * _UNITS[match[2]] <= WINDOW_SECONDS else f"[{WINDOW_SECONDS}s]"


def _routes(configuration: dict[str, Any]) -> dict[str, Any]:
    for route in _every(configuration["route"]):
        first = f"{_WAITS.get(route['receiver'], 1)}s"
        waits = {"group_wait": first, "group_interval": "3s", "repeat_interval": "1h"}
        route |= {name: value for name, value in waits.items() if name in route}
    return configuration


def _every(route: Mapping[str, Any]) -> Iterator[Any]:
    yield route
    for child in route.get("routes", []):
        yield from _every(child)
