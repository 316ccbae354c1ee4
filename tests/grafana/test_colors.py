"""Lines whose names are known before there is data have colours that the colour-blind can tell apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from grafana import looks
from grafana.build import BOARDS
from grafana.lint.promql import parts
from stack.alerting import declared
from stack.alerting.thresholds import Thresholds
from tests.grafana.schemas import panels

Panel = dict[str, Any]
GRAPHS: Final[list[tuple[str, Panel]]] = [
    (board.uid, panel)
    for board in BOARDS
    for panel in panels(json.loads(board.render(Thresholds.load())))
    if panel["type"] == "timeseries"
]


def painted(panel: Panel) -> list[tuple[dict[str, str], str]]:
    """Returns the matcher and the colour of each override of a colour."""
    return [
        (override["matcher"], change["value"]["fixedColor"])
        for override in panel["fieldConfig"]["overrides"]
        for change in override["properties"]
        if change["id"] == "color"
    ]


def color(panel: Panel, name: str) -> str | None:
    """Returns the colour of a line as Grafana finds it: the last override whose matcher fits."""
    found = [
        color
        for matcher, color in painted(panel)
        if (matcher["id"] == "byName" and matcher["options"] == name)
        or (matcher["id"] == "byRegexp" and re.search(matcher["options"][1:-1], name))
    ]
    return found[-1] if found else None


def names(panel: Panel) -> Iterator[str]:
    """Yields the names that lines of a panel may have, as far as a declaration tells them."""
    for target in panel["targets"]:
        legend = target.get("legendFormat") or ""
        if "{{" not in legend:
            yield legend
        label = legend[2:-2]
        if label in looks.MEANT:
            asked = [declared.family(each.name) for each in parts(target["expr"]).selectors]
            yield from (value for family in asked if family for value in family.labels.get(label, ()))


KNOWN: Final = [(uid, panel, found) for uid, panel in GRAPHS if (found := [*names(panel)])]


@pytest.mark.parametrize(
    ("panel", "found"),
    [pytest.param(panel, found, id=f"{uid}: {panel['title']}") for uid, panel, found in KNOWN],
)
def test_lines_of_known_names_have_colours_of_their_own(panel: Panel, found: list[str]) -> None:
    colors = {name: color(panel, name) for name in found if name}
    assert [name for name, each in colors.items() if each not in looks.SERIES] == []
    assert len(set(colors.values())) == len(colors), colors


def test_the_meanings_are_those_of_labels_on_boards() -> None:
    """No word is left of a label that no graph has any more."""
    legends = {target.get("legendFormat") for _, panel in GRAPHS for target in panel.get("targets", [])}
    assert {f"{{{{{label}}}}}" for label in looks.MEANT} <= legends
