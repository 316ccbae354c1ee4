"""What a store answered, in the two forms that panels draw: series over time, and rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_PLACE: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A single observation: its time in seconds, its value, and the trace that it belongs to."""

    time: float
    value: float
    trace_id: str


@dataclass(frozen=True, slots=True)
class Series:
    """A series by its name, with pairs of a time in seconds since the epoch and a value, oldest first."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """The last value that is a number, as Grafana's ``lastNotNull``; NaN if there is none."""
        numbers = (value for _, value in reversed(self.points) if value == value)  # noqa: PLR0124 - NaN
        return next(numbers, float("nan"))


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log line: nanoseconds since the epoch, its text, and its fields."""

    time: int
    text: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TraceFound:
    """A trace that a search found: its first span, seconds since the epoch, and its length in seconds."""

    trace_id: str
    service: str
    name: str
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires; ``state`` is ``active`` or ``suppressed``."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: float
    state: str


Row = Mapping[str, Cell]


def legend(template: str, labels: Mapping[str, str], otherwise: str) -> str:
    """Returns the name of a series: ``{{label}}`` filled in; without a template, its labels as in PromQL."""
    if template:
        return _PLACE.sub(lambda match: labels.get(match[1], ""), template).strip() or otherwise
    shown = {name: value for name, value in labels.items() if name != "__name__"}
    if not shown:
        return labels.get("__name__", otherwise)
    listed = ", ".join(f'{name}="{value}"' for name, value in sorted(shown.items()))
    return f"{labels.get('__name__', '')}{{{listed}}}"


def rows(series: Sequence[Series], value: str) -> list[dict[str, Cell]]:
    """Returns a row per series, with its labels and its last value, which is called ``value``."""
    return [{**each.labels, "Time": each.points[-1][0], value: each.last} for each in series if each.points]


def joined(tables: Sequence[list[dict[str, Cell]]], label: str) -> list[dict[str, Cell]]:
    """Returns the tables as one, a row per value of the label; the first table's columns win."""
    found: dict[Any, dict[str, Cell]] = {}
    for row in (row for table in tables for row in table):
        found[row.get(label)] = {**row, **found.get(row.get(label), {})}
    return list(found.values())
