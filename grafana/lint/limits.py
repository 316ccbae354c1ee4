"""Rules about colours that judge: they change where the alert does, and say what to do then."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from grafana.lint.known import Known
from grafana.lint.shown import Content, Finding, Shown, defaults, overrides
from grafana.lint.shown import title as named
from grafana.looks import Limit

# What a panel's unit is to the threshold's.
FACTORS: Final = {
    "ratio": {"percentunit": 1.0, "percent": 100.0},
    "seconds": {"s": 1.0, "ms": 1000.0, "m": 1 / 60, "h": 1 / 3600},
    "hours": {"h": 1.0, "s": 3600.0, "d": 1 / 24},
    "bytes": {"bytes": 1.0, "decbytes": 1.0, "Bps": 1.0, "binBps": 1.0},
    "per_minute": {"short": 1.0, "cpm": 1.0, "opm": 1.0, "reqps": 1 / 60, "cps": 1 / 60, "ops": 1 / 60},
}
_PLAIN: Final = frozenset({"short", "none", "locale", "sishort"})
# Where there is something of what should not be, or nothing left: no alert's number.
_ANY: Final = frozenset({0, 1})
_RUNBOOK: Final = re.compile(r"\b[Rr]unbooks?:? ((?:[A-Z][A-Za-z]+(?:,? and |, | or )?)+)")
_NAME: Final = re.compile(r"[A-Z][A-Za-z]+")


def thresholds(board: Shown, known: Known) -> Iterator[Finding]:
    """Each step is an alert's threshold, in the panel's unit, a state that a mapping names, or any at all."""
    for panel in board.panels:
        limit, states = board.limits.get(panel.get("title") or ""), set(_states(panel))
        for value in _steps(panel):
            if limit and math.isclose(value, limit.value(known.thresholds)):
                continue
            if value not in states and (limit or value not in _ANY):
                yield named(panel), f"its colour changes at {value:g}, where no alert does: give it a Limit."
        if limit:
            yield from ((named(panel), fault) for fault in _of_limit(limit, panel, known))


def _steps(panel: Content) -> Iterator[float]:
    found = [
        defaults(panel).get("thresholds"),
        *(value for name, value in overrides(panel) if name == "thresholds"),
    ]
    for each in found:
        yield from (
            step["value"] for step in (each or {}).get("steps") or [] if step.get("value") is not None
        )


def _states(panel: Content) -> Iterator[float]:
    found = [
        defaults(panel).get("mappings"),
        *(value for name, value in overrides(panel) if name == "mappings"),
    ]
    options = [mapping.get("options") or {} for each in found for mapping in each or []]
    yield from (float(key) for each in options for key in each if re.fullmatch(r"-?\d+(\.\d+)?", str(key)))


def _of_limit(limit: Limit, panel: Content, known: Known) -> Iterator[str]:
    threshold = known.thresholds[limit.name]
    unit = defaults(panel).get("unit") or ""
    factors: dict[str, float] = FACTORS.get(threshold.unit, dict.fromkeys(_PLAIN, 1.0))
    if unit not in factors:
        yield f"its unit is {unit!r}, and {limit.name} is in {threshold.unit}: use {' or '.join(factors)}."
    elif not math.isclose(limit.factor, factors[unit]):
        yield f"{limit.name} is in {threshold.unit}: its factor for {unit!r} is {factors[unit]:g}."


def runbook(board: Shown, known: Known) -> Iterator[Finding]:
    """A panel with an alert's limit names the alert; every runbook in a text exists."""
    for panel in board.panels:
        text = panel.get("description") or ""
        for name in sorted({*runbooks_in(text), *runbooks_in(_content(panel))} - known.runbooks):
            yield named(panel), f"there is no runbook {name}: name one of alertmanager/runbooks."
        limit = board.limits.get(panel.get("title") or "")
        using = sorted(alert for alert, used in known.alerts.items() if limit and limit.name in used)
        if limit and using and not set(_NAME.findall(text)) & set(using):
            yield named(panel), f"its line is {limit.name}: say `runbook {using[0]}` in its description."


def runbooks_in(text: str) -> list[str]:
    """Returns the names of the runbooks that a text names: ``runbook ApiSlow``, ``runbooks A, B``."""
    return [name for found in _RUNBOOK.findall(text) for name in _NAME.findall(found)]


def _content(panel: Content) -> str:
    options: dict[str, Any] = panel.get("options") or {}
    return str(options.get("content") or "")
