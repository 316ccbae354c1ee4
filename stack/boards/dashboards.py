"""Reads the boards' JSON: Grafana's classic schema, as far as our boards use it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from stack.settings import REPOSITORY

FOLDER: Final = REPOSITORY / "grafana" / "dashboards"

Source = Literal["metrics", "logs", "traces", "alerts"]
Kind = Literal[
    "stat", "bargauge", "timeseries", "heatmap", "table", "state-timeline", "logs", "text", "alertlist"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SOURCES: Final[Mapping[str, Source]] = {
    "prometheus": "metrics",
    "loki": "logs",
    "tempo": "traces",
    "alertmanager": "alerts",
}
"""What a data source of each type has."""

Options = Mapping[str, Any]


class DashboardError(ValueError):
    """A board that cannot be shown; the message names board, panel and fix."""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel, or of an annotation.

    Args:
        ref_id: its letter.
        source: what it asks.
        text: PromQL, LogQL or TraceQL, with variables.
        legend: how a series is called, with labels as ``{{label}}``; empty: by its labels.
        instant: whether it asks for one value at the end of the range.
        format: ``time_series``, ``table`` (rows) or ``heatmap`` (a histogram's buckets).
        exemplars: whether trace IDs of single observations are shown.
        most: how many lines or traces at most.
    """

    ref_id: str
    source: Source
    text: str
    legend: str = ""
    instant: bool = False
    format: str = "time_series"
    exemplars: bool = False
    most: int = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is in Grafana's grid of 24 columns; a row of it is about 30 pixels high."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel as it is drawn; ``options`` and ``field`` (``fieldConfig.defaults``) are Grafana's JSON."""

    id: int
    title: str
    kind: Kind
    description: str
    place: Place
    targets: tuple[Target, ...]
    options: Options
    field: Options
    overrides: tuple[Options, ...] = ()
    transformations: tuple[Options, ...] = ()
    links: tuple[Options, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading; those of a collapsed row are asked for when somebody opens it."""

    title: str
    collapsed: bool
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader chooses.

    Args:
        name: as queries have it, ``$name``.
        label: as people read it.
        kind: Grafana's: ``query``, ``textbox``, ``datasource``, ``custom`` or ``constant``.
        query: how its values are found; a datasource's is its type.
        several: whether more than one value can be chosen.
        with_all: whether all can be chosen.
        all_value: what all is, in a query; empty: every value that there is.
        chosen: the values at first; ``$__all`` for all.
        options: the values of a ``custom`` one.
    """

    name: str
    label: str
    kind: str
    query: str
    several: bool = False
    with_all: bool = False
    all_value: str = ""
    chosen: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotation:
    """A query whose results are vertical lines in all panels; ``title`` has labels as ``{{label}}``."""

    name: str
    target: Target
    title: str
    color: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A board: its rows from top to bottom."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    start: str = "now-1h"
    end: str = "now"
    refresh: str = ""
    intervals: tuple[str, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, those of collapsed rows too."""
        return tuple(panel for row in self.rows for panel in row.panels)

    def panel(self, number: int) -> Panel | None:
        """Returns the panel with this id, if there is one."""
        return next((panel for panel in self.panels if panel.id == number), None)


def load(folder: Path = FOLDER) -> list[Dashboard]:
    """Returns the boards of a folder and those in it, by their titles.

    Raises:
        DashboardError: one is no dashboard, has a kind of panel that is not drawn, or a uid of another.
    """
    boards = [read(path) for path in sorted(folder.rglob("*.json"))]
    named: dict[str, str] = {}
    for board in boards:
        if board.uid in named:
            raise DashboardError(
                f"{board.uid}: two boards have this uid, {named[board.uid]} and {board.title}"
            )
        named[board.uid] = board.title
    return sorted(boards, key=lambda board: board.title)


def read(path: Path) -> Dashboard:
    """Returns the board of a file.

    Raises:
        DashboardError: as `load`.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _dashboard(found)
    except DashboardError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DashboardError(f"{path.name} is no dashboard ({type(error).__name__}: {error})") from None


def _dashboard(found: Options) -> Dashboard:
    uid, time = found["uid"], found.get("time") or {}
    notes = (found.get("annotations") or {}).get("list") or []
    return Dashboard(
        uid=uid,
        title=found["title"],
        description=found.get("description", ""),
        rows=tuple(_rows(uid, found.get("panels") or [])),
        variables=tuple(map(_variable, (found.get("templating") or {}).get("list") or [])),
        annotations=tuple(_annotation(uid, each) for each in notes if not each.get("builtIn")),
        start=time.get("from", "now-1h"),
        end=time.get("to", "now"),
        refresh=found.get("refresh") or "",
        intervals=tuple((found.get("timepicker") or {}).get("refresh_intervals") or ()),
    )


def _rows(uid: str, panels: list[Options]) -> Iterator[Row]:
    """Yields the rows; panels before the first one are a row without a title."""
    title, under = "", list[Panel]()
    for each in panels:
        if each["type"] != "row":
            under.append(_panel(uid, each))
            continue
        if under or title:
            yield Row(title, collapsed=False, panels=tuple(under))
        title, under = each.get("title", ""), []
        if each.get("collapsed"):
            inside = tuple(_panel(uid, panel) for panel in each.get("panels") or [])
            yield Row(title, collapsed=True, panels=inside)
            title = ""
    if under or title:
        yield Row(title, collapsed=False, panels=tuple(under))


def _panel(uid: str, found: Options) -> Panel:
    title, kind, place = found.get("title", ""), found["type"], found["gridPos"]
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise DashboardError(f"{uid}: {title!r}: nothing draws the kind {kind!r}: use one of {known}.")
    config = found.get("fieldConfig") or {}
    where = f"{uid}: {title!r}"
    return Panel(
        id=found["id"],
        title=title,
        kind=kind,
        description=found.get("description", ""),
        place=Place(place["x"], place["y"], place["w"], place["h"]),
        targets=tuple(_target(where, each, found) for each in found.get("targets") or ()),
        options=found.get("options") or {},
        field=config.get("defaults") or {},
        overrides=tuple(config.get("overrides") or ()),
        transformations=tuple(found.get("transformations") or ()),
        links=tuple(found.get("links") or ()),
    )


def _target(where: str, found: Options, panel: Options) -> Target:
    source = _source(where, found.get("datasource") or panel.get("datasource") or {})
    return Target(
        ref_id=found.get("refId", "A"),
        source=source,
        text=found.get("query" if source == "traces" else "expr") or "",
        legend=found.get("legendFormat") or "",
        instant=bool(found.get("instant")) or found.get("queryType") == "instant",
        format=found.get("format") or "time_series",
        exemplars=bool(found.get("exemplar")),
        most=int(found.get("maxLines") or found.get("limit") or 200),
    )


def _source(where: str, reference: Options) -> Source:
    kind = reference.get("type", "")
    if kind not in SOURCES:
        raise DashboardError(
            f"{where}: no data source has the type {kind!r}: use one of {', '.join(SOURCES)}."
        )
    return SOURCES[kind]


def _variable(found: Options) -> Variable:
    query, current = found.get("query", ""), (found.get("current") or {}).get("value", ())
    chosen = tuple(current) if isinstance(current, list) else (current,) if current else ()
    listed = tuple(str(each["value"]) for each in found.get("options") or ())
    return Variable(
        name=found["name"],
        label=found.get("label") or found["name"],
        kind=found["type"],
        query=str(query.get("query", "") if isinstance(query, dict) else query),
        several=bool(found.get("multi")),
        with_all=bool(found.get("includeAll")),
        all_value=found.get("allValue") or "",
        chosen=tuple(map(str, chosen)),
        options=tuple(each for each in listed if each != "$__all"),
    )


def _annotation(uid: str, found: Options) -> Annotation:
    name = found.get("name", "")
    return Annotation(
        name=name,
        target=_target(f"{uid}: annotation {name!r}", found.get("target") or found, found),
        title=found.get("titleFormat") or name,
        color=found.get("iconColor") or "",
    )
