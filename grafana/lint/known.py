"""What a board may name: boards, alerts and their thresholds, runbooks, units, series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self

import yaml
from grafana_foundation_sdk.models import units

from grafana.lint import promql
from grafana.lint.foreign import FOREIGN
from grafana.lint.shown import Shown
from stack.alerting import Links, declared, runbooks
from stack.alerting.rules import rules
from stack.alerting.thresholds import Thresholds
from stack.settings import REPOSITORY

PROMETHEUS: Final = REPOSITORY / "stack" / "prometheus" / "prometheus.yml"
# Units that Grafana has and the SDK's list lacks, because their names are built of two parts.
_MORE_UNITS: Final = frozenset({"cps", "ops", "reqps", "rps", "wps", "iops", "eps", "mps", "recps", "rowsps"})


@dataclass(frozen=True, slots=True)
class Known:
    """All of it.

    Args:
        boards: by uid.
        thresholds: by name.
        alerts: by alert, the names of the thresholds in its rule.
        runbooks: the alerts that have one.
        units: Grafana's.
        series: the names of all series that somebody emits: the platform, a rule, another program.
        interval: seconds between two samples of a series, at least.
    """

    boards: Mapping[str, Shown]
    thresholds: Thresholds
    alerts: Mapping[str, frozenset[str]]
    runbooks: frozenset[str]
    units: frozenset[str]
    series: frozenset[str]
    interval: float

    @classmethod
    def load(cls, boards: Iterable[Shown], environment: str = "") -> Self:
        """Returns what the repository has, with the thresholds of an environment."""
        return cls(
            boards={board.uid: board for board in boards},
            thresholds=Thresholds.load(environment),
            alerts={name: frozenset(alert.thresholds) for name, alert in runbooks.alerts().items()},
            runbooks=frozenset(runbooks.names()),
            units=_units() | _MORE_UNITS,
            series=series() | frozenset(FOREIGN),
            interval=_interval(),
        )


def series() -> frozenset[str]:
    """Returns the names that the platform declares, and those that a rule records or asks for."""
    return declared.names() | recorded() | asked()


def recorded() -> frozenset[str]:
    """Returns the names that rules record."""
    return frozenset(rule["record"] for rule in _rules() if "record" in rule)


@cache
def asked() -> frozenset[str]:
    """Returns the names that rules ask for."""
    found = {each.name for rule in _rules() for each in promql.parts(str(rule["expr"])).selectors}
    return frozenset(found - {""})


@cache
def _rules() -> tuple[dict[str, Any], ...]:
    files = [yaml.safe_load(text) for text in rules("", Links()).values()]
    return tuple(rule for file in files for group in file["groups"] for rule in group["rules"])


@cache
def _units() -> frozenset[str]:
    return frozenset(
        value for name, value in vars(units).items() if name[0] != "_" and isinstance(value, str)
    )


@cache
def _interval() -> float:
    found = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))["global"]["scrape_interval"]
    return float(re.sub("s$", "", found))
