"""Answers for one board: its frame (rows, variables, links), the content of one panel, its annotations."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stack.boards.dashboards import Annotation, Dashboard, DashboardError, Options, Panel, Target
from stack.boards.drawing import cells, plots
from stack.boards.drawing.looks import color
from stack.boards.expansion import Values, expand, link, words
from stack.boards.frames import Cell, Exemplar, Series, joined, legend, rows
from stack.boards.sources import AwayError, Sources
from stack.boards.values import Resolved, resolved, values
from stack.boards.window import Window

Drawn = dict[str, Any]
Given = Mapping[str, Sequence[str]]
MOST_NOTES: Final = 100
_GAP: Final = 1.5


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where links lead: ``trace`` has ``{trace_id}`` in place of the trace's id."""

    trace: str
    alertmanager: str


@dataclass(frozen=True, slots=True)
class View:
    """What a reader looks at: a board, the choices made, and a time range."""

    board: Dashboard
    given: Given
    window: Window
    sources: Sources
    addresses: Addresses

    async def frame(self) -> Drawn:
        """Returns the board without its panels' content; ``said`` is why variables have no values, if so.

        Raises:
            DashboardError: the board is wrong.
        """
        said: list[str] = []
        found = await self._resolved(said)
        known = values(found)
        return {
            "said": " ".join(dict.fromkeys(said)),
            "uid": self.board.uid,
            "title": self.board.title,
            "description": self.board.description,
            "start": self.board.start,
            "end": self.board.end,
            "refresh": self.board.refresh,
            "intervals": list(self.board.intervals),
            "variables": [_variable(each) for each in found.values() if each.variable.kind != "datasource"],
            "rows": [self._row(row.title, row.collapsed, row.panels, known) for row in self.board.rows],
            "notes": [{"name": each.name, "color": each.color} for each in self.board.annotations],
        }

    async def content(self, panel: Panel) -> Drawn:
        """Returns what a panel shows; if that fails, why."""
        try:
            known = values(await self._resolved())
            drawn = await self._drawn(panel, known)
        except (AwayError, DashboardError) as error:
            return {"kind": "error", "text": str(error)}
        empty = panel.field.get("noValue") or "No data"
        return drawn if _has_content(drawn) else {"kind": "empty", "text": empty}

    async def notes(self) -> list[Drawn]:
        """Returns the annotations in the range: time, text, name and colour; none of a store that is away."""
        try:
            known = values(await self._resolved())
            found = await asyncio.gather(*(self._note(each, known) for each in self.board.annotations))
        except AwayError:
            return []
        return [note for each in found for note in each][:MOST_NOTES]

    async def _resolved(self, said: list[str] | None = None) -> dict[str, Resolved]:
        """Returns the variables; with all that can be chosen if ``said`` is there to take failures."""

        async def ask(selector: str, label: str) -> Sequence[str]:
            try:
                return await self.sources.ask(
                    "metrics", self.sources.metrics.values(selector, label, self.window)
                )
            except AwayError as error:
                if said is None:
                    raise
                said.append(str(error))
                return ()

        return await resolved(self.board, self.given, self.window, ask, listed=said is not None)

    def _row(self, title: str, collapsed: bool, panels: Sequence[Panel], known: Values) -> Drawn:  # noqa: FBT001 - as in the JSON
        return {
            "title": words(title, known, self.window, where=self.board.uid),
            "collapsed": collapsed,
            "panels": [self._frame_of(panel, known) for panel in panels],
        }

    def _frame_of(self, panel: Panel, known: Values) -> Drawn:
        where = self._where(panel)
        place = panel.place
        return {
            "id": panel.id,
            "title": words(panel.title, known, self.window, where=where),
            "description": panel.description,
            "kind": panel.kind,
            "place": [place.x, place.y, place.width, place.height],
            "links": [self._linked(panel, each, {}, known) for each in panel.links],
        }

    async def _drawn(self, panel: Panel, known: Values) -> Drawn:
        if panel.kind == "text":
            return cells.text(
                words(panel.options.get("content", ""), known, self.window, where=self._where(panel))
            )
        if panel.kind == "alertlist":
            selector = panel.options.get("alertInstanceLabelFilter") or ""
            wanted = expand(selector, known, self.window, where=self._where(panel))
            firing = await self.sources.ask("alerts", self.sources.alerts.firing(wanted))
            return cells.alerts(firing, self.addresses.alertmanager)
        if panel.kind == "logs":
            return await self._logs(panel, known)
        if panel.kind == "table" and any(each.source == "traces" for each in panel.targets):
            return await self._traces(panel, known)
        found = await asyncio.gather(*(self._series(panel, each, known) for each in panel.targets))
        return await self._of_series(panel, found, known)

    async def _of_series(self, panel: Panel, found: Sequence[list[Series]], known: Values) -> Drawn:
        def linked(one: Options, facts: Mapping[str, str]) -> dict[str, str]:
            return self._linked(panel, one, facts, known)

        series = [each for one in found for each in one]
        if panel.kind == "table":
            return cells.table(panel, _rows(panel, found), linked)
        if panel.kind == "stat":
            return cells.stats(panel, series, linked)
        if panel.kind == "bargauge":
            return cells.bars(panel, series, linked)
        if panel.kind == "state-timeline":
            return plots.states(panel, series, self.window)
        dots = await self._exemplars(panel, known) if series else []
        draw = plots.heat if panel.kind == "heatmap" else plots.lines
        return draw(panel, series, self.window, self.addresses.trace, dots)

    async def _series(self, panel: Panel, target: Target, known: Values) -> list[Series]:
        return await self._asked(target, self._query(panel, target, known), panel.title)

    async def _asked(self, target: Target, query: str, name: str) -> list[Series]:
        store = self.sources.logs if target.source == "logs" else self.sources.metrics
        return await self.sources.ask(target.source, store.series(target, query, self.window, name))

    async def _exemplars(self, panel: Panel, known: Values) -> list[Exemplar]:
        asked = [
            self.sources.ask(
                "metrics", self.sources.metrics.exemplars(self._query(panel, each, known), self.window)
            )
            for each in panel.targets
            if each.exemplars
        ]
        return [exemplar for each in await asyncio.gather(*asked) for exemplar in each]

    async def _logs(self, panel: Panel, known: Values) -> Drawn:
        found = await asyncio.gather(
            *(
                self.sources.ask(
                    "logs", self.sources.logs.lines(each, self._query(panel, each, known), self.window)
                )
                for each in panel.targets
            )
        )
        return cells.logs(panel, [line for each in found for line in each], self.addresses.trace)

    async def _traces(self, panel: Panel, known: Values) -> Drawn:
        target = panel.targets[0]
        query = self._query(panel, target, known)
        found = await self.sources.ask("traces", self.sources.traces.search(target, query, self.window))
        return cells.traces(panel, found, self.addresses.trace)

    async def _note(self, note: Annotation, known: Values) -> list[Drawn]:
        where = f"{self.board.uid}: annotation {note.name!r}"
        query = expand(note.target.text, known, self.window, source=note.target.source, where=where)
        return [
            {
                "time": round(start * 1000),
                "text": legend(note.title, each.labels, note.name),
                "color": color(note.color),
            }
            for each in await self._asked(note.target, query, note.name)
            for start in _beginnings(each, self.window.interval)
        ]

    def _query(self, panel: Panel, target: Target, known: Values) -> str:
        return expand(target.text, known, self.window, source=target.source, where=self._where(panel))

    def _linked(self, panel: Panel, one: Options, facts: Mapping[str, str], known: Values) -> dict[str, str]:
        url = link(one.get("url", ""), known, self.window, facts, where=self._where(panel))
        return {"title": one.get("title", ""), "url": url}

    def _where(self, panel: Panel) -> str:
        return f"{self.board.uid}: {panel.title!r}"


def window(board: Dashboard, first: str, last: str, points: int) -> Window:
    """Returns the range that a reader asks for; without one, the board's.

    Raises:
        RangeError: it is none, or too long.
    """
    return Window.of(first or board.start, last or board.end, now=time.time(), points=points)


def _variable(found: Resolved) -> Drawn:
    variable = found.variable
    return {
        "name": variable.name,
        "label": variable.label,
        "kind": "text" if variable.kind in {"textbox", "constant"} else "choice",
        "several": variable.several,
        "all": variable.with_all,
        "options": list(found.options),
        "chosen": list(found.chosen),
    }


def _rows(panel: Panel, found: Sequence[list[Series]]) -> list[dict[str, Cell]]:
    """Returns a table's rows; Grafana calls the value of one PromQL query ``Value``, of several by letter."""
    single = len(panel.targets) == 1 and panel.targets[0].source == "metrics"
    names = ["Value" if single else f"Value #{each.ref_id}" for each in panel.targets]
    tables = [rows(series, name) for series, name in zip(found, names, strict=True)]
    by = next((each for each in panel.transformations if each["id"] == "joinByField"), None)
    if by is None:
        return [row for each in tables for row in each]
    return joined(tables, by["options"]["byField"])


def _beginnings(series: Series, step: float) -> list[float]:
    """Returns when a series that comes and goes came, and was not 0."""
    times = [time for time, value in series.points if value and math.isfinite(value)]
    return [
        each for before, each in zip([-math.inf, *times], times, strict=False) if each - before > step * _GAP
    ]


def _has_content(drawn: Drawn) -> bool:
    lists = {
        "plot": "data",
        "stats": "values",
        "bars": "values",
        "table": "rows",
        "logs": "lines",
        "alerts": "alerts",
    }
    return drawn["kind"] == "html" or bool(drawn[lists[drawn["kind"]]])
