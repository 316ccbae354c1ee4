"""Rules about what people read: titles, descriptions, units, colours, size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

from grafana import looks
from grafana.board import panel_id
from grafana.lint.known import Known
from grafana.lint.shown import SILENT, Content, Finding, Shown, custom, defaults, overrides
from grafana.lint.shown import title as named
from grafana.panels import GRID
from stack.boards.dashboards import KINDS

# In columns: about 50 pixels each on a screen of 1280; below, a legend or a value is cut off.
LEAST_WIDTH: Final = {"stat": 3, "text": 4, "bargauge": 6, "timeseries": 6, "heatmap": 6, "state-timeline": 8}
_LEAST_WIDTH: Final = 8
_COLUMN: Final = 1.5  # of a table
_LEAST_TEXT: Final = 30
_NO_UNIT: Final = SILENT | {"logs"}
_NAMED: Final = frozenset({"timeseries", "bargauge", "state-timeline"})
_COLORS: Final = frozenset(
    {looks.GOOD, looks.WARN, looks.BAD, looks.CALM, looks.FAINT, *looks.SERIES, "transparent", "text"}
)


def titles(board: Shown, _known: Known) -> Iterator[Finding]:
    """Each panel has a title, and no other one on its board has the same: links name panels by it."""
    count = Counter(panel.get("title") or "" for panel in board.panels)
    for panel in board.panels:
        found = panel.get("title") or ""
        if not found:
            yield named(panel), "it has no title: say what it shows."
        elif count[found] > 1:
            yield found, "another panel has this title: rename one of them."


def descriptions(board: Shown, _known: Known) -> Iterator[Finding]:
    """A board says which question it answers, and a panel what it means and what to do about it."""
    if not (board.content.get("description") or "").rstrip().endswith("?"):
        yield "the board", "its description is no question: write the one that it answers."
    for panel in board.panels:
        least = 1 if panel["type"] == "text" else _LEAST_TEXT
        if len(panel.get("description") or "") < least:
            yield (
                named(panel),
                "its description says too little: what it means, and what to do when it is bad.",
            )


def unit(board: Shown, known: Known) -> Iterator[Finding]:
    """Each value has a unit that Grafana knows; an unknown one is shown as if it were text."""
    for panel in board.panels:
        if panel["type"] in _NO_UNIT:
            continue
        found = [defaults(panel).get("unit"), *(value for name, value in overrides(panel) if name == "unit")]
        for each in found:
            if not each:
                yield named(panel), "it has no unit: set one, `short` for a plain number."
            elif each not in known.units:
                yield named(panel), f"Grafana has no unit {each!r}: take one of its standard units."


def kind(board: Shown, _known: Known) -> Iterator[Finding]:
    """Only kinds of panels that the stand-in draws, too."""
    for panel in board.panels:
        if panel["type"] not in KINDS:
            yield named(panel), f"the kind {panel['type']!r} is unknown: use one of {', '.join(KINDS)}."


def ids(board: Shown, _known: Known) -> Iterator[Finding]:
    """A panel's id is made of its title: links to it, and a renderer's pictures, depend on it."""
    for panel in board.panels:
        wanted = panel_id(panel.get("title") or "")
        if panel.get("id") != wanted:
            yield named(panel), f"its id is {panel.get('id')}, not {wanted}: let the builder number panels."


def layout(board: Shown, _known: Known) -> Iterator[Finding]:
    """Panels fit the grid, do not overlap, and are readable on a screen of 1280 pixels."""
    for panel in board.panels:
        place, shown = panel["gridPos"], panel["type"]
        least = LEAST_WIDTH.get(shown, _LEAST_WIDTH)
        if place["x"] + place["w"] > GRID:
            yield named(panel), f"it ends at column {place['x'] + place['w']} of {GRID}: make it narrower."
        if place["w"] < least:
            yield (
                named(panel),
                f"{place['w']} columns are too narrow for a {shown} at 1280 px: at least {least}.",
            )
        if len(_columns(panel)) * _COLUMN > place["w"]:
            yield (
                named(panel),
                f"{len(_columns(panel))} columns in a width of {place['w']}: drop some, or widen it.",
            )
    for one, other in combinations(board.panels, 2):
        if _overlap(one, other) and _row(board, one) == _row(board, other):
            yield named(one), f"it overlaps {named(other)!r}: let the builder place panels."


def _columns(panel: Content) -> list[str]:
    changes = panel.get("transformations") or []
    found = [each["options"] for each in changes if each["id"] == "filterFieldsByName"]
    return [name for each in found for name in each["include"]["names"]]


def _overlap(one: Content, other: Content) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    return not beside and not above


def _row(board: Shown, panel: Content) -> int | None:
    """Returns the id of the collapsed row that a panel is in: it has room there when the row is opened."""
    rows = (row for row in board.content["panels"] if any(each is panel for each in row.get("panels") or []))
    return next((row["id"] for row in rows), None)


def stacking(board: Shown, _known: Known) -> Iterator[Finding]:
    """Nothing is stacked: only the lowest series of a stack can be read."""
    for panel in board.panels:
        found = [
            custom(panel).get("stacking"),
            *(value for key, value in overrides(panel) if key.endswith("stacking")),
        ]
        if any(each and each.get("mode", "none") != "none" for each in found):
            yield named(panel), "its series are stacked: draw them as lines."


def colors(board: Shown, _known: Known) -> Iterator[Finding]:
    """Only colours that people with any kind of colour blindness can tell apart (grafana/looks.py)."""
    for panel in board.panels:
        strange = sorted(set(_colors(defaults(panel))) | set(_colors([each for _, each in overrides(panel)])))
        for each in strange:
            if each not in _COLORS:
                yield named(panel), f"the colour {each!r} is none of ours: take one of grafana/looks.py."


def _colors(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    children: list[Any] = (
        list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    )
    found = [node.get("color"), node.get("fixedColor")] if isinstance(node, dict) else []
    yield from (each for each in found if isinstance(each, str))
    for child in children:
        yield from _colors(child)


def blank(board: Shown, _known: Known) -> Iterator[Finding]:
    """A panel without data says so."""
    for panel in board.panels:
        if panel["type"] not in _NO_UNIT and not defaults(panel).get("noValue"):
            yield named(panel), "it is blank without data: give it the text for no value."


def bars(board: Shown, _known: Known) -> Iterator[Finding]:
    """Each bar has a name, also one that is alone: Grafana shows its name only if the panel gives one."""
    for panel in board.panels:
        if panel["type"] == "bargauge" and not defaults(panel).get("displayName"):
            yield (
                named(panel),
                "a bar that is alone has no name: set the display name to ${__field.displayName}.",
            )


def legend(board: Shown, _known: Known) -> Iterator[Finding]:
    """A series is called as people would call it, and not by all of its labels."""
    kinds = {panel.get("title"): panel["type"] for panel in board.panels}
    for query in board.queries:
        if kinds.get(query.where) in _NAMED and not query.legend:
            yield (
                query.where,
                f"query {query.ref_id} has no legend: name its series, with labels as {{{{label}}}}.",
            )
