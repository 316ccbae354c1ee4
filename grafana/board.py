"""A board: what it asks, its variables, its rows; rendered as Grafana's classic dashboard."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

# The classic model is on purpose: it loads on Grafana 11 to 13, and is provisioned from plain files.
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import GRID, Panel, Query
from grafana.queries import KINDS, PanelError, Source, reference
from stack.alerting import AlertingError
from stack.alerting.thresholds import Thresholds

_TAG: Final = "lms"
_LABELS: Final[dict[Source, str]] = {
    "metrics": "Metrics from",
    "logs": "Logs from",
    "traces": "Traces from",
}


class BoardError(ValueError):
    """A board that cannot be rendered; the message names board, panel and fix."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable whose values a query finds.

    Args:
        name: as panels write it, ``$name``.
        label: as people read it.
        metric: of PromQL, whose series have the label; a selector may use other variables.
        values: the label.
        several: whether more than one can be chosen, or all.
    """

    name: str
    label: str
    metric: str
    values: str
    several: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """A variable that people type; ``default`` is what it is at first."""

    name: str
    label: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What happened, as vertical lines in all panels."""

    name: str
    query: Query
    title: str
    color: str


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading; a collapsed row's queries run when it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard.

    Args:
        uid: what links name; alerts lead to it, so it never changes.
        title: as people find it.
        question: what it answers: its description, and the first thing on the screen.
        rows: its panels.
        variables: after the data sources.
        sources: of its panels, as variables.
        notes: annotations.
        span: what it shows at first (``1h``).
        refresh: how often it asks again; empty: only when asked.
        tags: of Grafana's search, besides our own.
    """

    uid: str
    title: str
    question: str
    rows: tuple[Row, ...]
    variables: tuple[Choice | Text, ...] = ()
    sources: tuple[Source, ...] = ("metrics",)
    notes: tuple[Note, ...] = ()
    span: str = "1h"
    refresh: str = "30s"
    tags: tuple[str, ...] = field(default=())

    def render(self, thresholds: Thresholds) -> str:
        """Returns Grafana's JSON, the same text for the same board and thresholds.

        Raises:
            AlertingError: a panel names a threshold that there is not; with board, panel and fix.
            BoardError: two panels have the same title, or one has a mistake; with board, panel and fix.
        """
        board = builders.Dashboard(self.title).uid(self.uid).description(self.question).readonly()
        board = board.tags([_TAG, *self.tags]).time(f"now-{self.span}", "now").timezone("browser")
        board = board.refresh(self.refresh).tooltip(models.DashboardCursorSync.CROSSHAIR)
        board = board.timepicker(builders.TimePicker().refresh_intervals(_intervals(self.refresh)))
        for source in self.sources:
            board = board.with_variable(_source(source))
        for variable in self.variables:
            board = board.with_variable(_variable(variable))
        for note in self.notes:
            board = board.annotation(_note(note))
        board = board.link(_others())
        for placed in self._placed(thresholds):
            board = board.with_row(placed) if isinstance(placed, builders.Row) else board.with_panel(placed)
        shown = json.loads(json.dumps(board.build(), cls=JSONEncoder))
        # The SDK knows no other place than a menu; without one, they are above the panels.
        for above in [*shown["links"], *shown["annotations"].get("list", [])]:
            above.pop("placement", None)
        return json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def panels(self) -> Iterator[Panel]:
        """Yields every panel, in order."""
        for row in self.rows:
            yield from row.panels

    def _placed(self, thresholds: Thresholds) -> Iterator[Any]:
        """Yields rows and panels, in order; the panels of a collapsed row are in it."""
        taken: dict[int, str] = {}
        top = 0
        for row in self.rows:
            built = builders.Row(row.title).id(self._id(row.title, taken)).collapsed(row.collapsed)
            built = built.grid_pos(models.GridPos(h=1, w=GRID, x=0, y=top))
            placed = []
            left, below, tallest = 0, top + 1, 0
            for panel in row.panels:
                about = panel.about
                if left + about.width > GRID:
                    left, below, tallest = 0, below + tallest, 0
                place = models.GridPos(h=about.height, w=about.width, x=left, y=below)
                number = self._id(about.title, taken)
                placed.append(self._built(panel, thresholds).id(number).grid_pos(place))
                left, tallest = left + about.width, max(tallest, about.height)
            top = below + tallest
            yield _filled(built, placed) if row.collapsed else built
            yield from () if row.collapsed else placed

    def _built(self, panel: Panel, thresholds: Thresholds) -> Any:  # noqa: ANN401 - likewise
        try:
            return panel.built(thresholds)
        except (AlertingError, PanelError) as error:
            kind = BoardError if isinstance(error, PanelError) else AlertingError
            raise kind(f"{self.uid}: {panel.about.title!r}: {error}") from None

    def _id(self, title: str, taken: dict[int, str]) -> int:
        """Returns a panel's id, made of its title: it is in links, so its place must not change it."""
        number = panel_id(title)
        if number in taken:
            both = f"{taken[number]!r} and {title!r}"
            raise BoardError(f"{self.uid}: the panels {both} have one id: rename one.")
        taken[number] = title
        return number


def panel_id(title: str) -> int:
    """Returns the id of the panel with this title, which stays when the panel moves."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


def _filled(row: builders.Row, panels: list[Any]) -> builders.Row:
    for panel in panels:
        row = row.with_panel(panel)
    return row


def _intervals(refresh: str) -> list[str]:
    return list(dict.fromkeys([refresh or "1m", "1m", "5m", "15m", "1h"]))


def _source(source: Source) -> builders.DatasourceVariable:
    return builders.DatasourceVariable(source).label(_LABELS[source]).type(KINDS[source])


def _variable(found: Choice | Text) -> builders.QueryVariable | builders.TextBoxVariable:
    if isinstance(found, Text):
        return builders.TextBoxVariable(found.name).label(found.label).default_value(found.default)
    query = f"label_values({found.metric}, {found.values})"
    variable = builders.QueryVariable(found.name).label(found.label).query(query)
    variable = variable.datasource(reference("metrics")).refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable = variable.sort(models.VariableSort.ALPHABETICAL_ASC).multi(found.several)
    if not found.several:
        return variable
    chosen = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.include_all(include_all=True).all_value(".*").current(chosen)


def _note(note: Note) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(note.name)
        .enable(enable=True)
        .icon_color(note.color)
        .datasource(reference(note.query.source))
        .expr(note.query.text)
        .title_format(note.title)
        .step("60s")
    )


def _others() -> builders.DashboardLink:
    """Returns the menu of our other boards; it keeps the time range and the variables."""
    link = builders.DashboardLink("Boards").type(models.DashboardLinkType.DASHBOARDS).tags([_TAG])
    return link.as_dropdown(as_dropdown=True).keep_time(keep_time=True).include_vars(include_vars=True)


__all__ = ["Board", "BoardError", "Choice", "Note", "Row", "Text", "panel_id"]
