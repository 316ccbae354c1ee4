"""A board as the rules of lint see it: the JSON that Grafana reads, and the alerts' limits behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from grafana.board import Board
from grafana.looks import Limit
from stack.alerting.thresholds import Thresholds

Content = dict[str, Any]
# Panels that ask no data source by a query.
SILENT: Final = frozenset({"text", "alertlist"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A query: ``where`` is the panel's title, or names the variable or the annotation."""

    where: str
    ref_id: str
    source: str
    text: str
    instant: bool = False
    legend: str = ""


class Shown:
    """One board.

    Args:
        content: the JSON, as Python has it.
        limits: by the title of the panel, the alert's threshold that it shows.
    """

    def __init__(self, content: Content, limits: Mapping[str, Limit]) -> None:
        self.content = content
        self.limits = limits
        self.uid: str = content.get("uid") or ""

    @classmethod
    def of(cls, board: Board, thresholds: Thresholds) -> Shown:
        """Returns what a board becomes with these thresholds."""
        found = {panel.about.title: panel.about.limit for panel in board.panels()}
        limits = {title: limit for title, limit in found.items() if limit}
        return cls(json.loads(board.render(thresholds)), limits)

    @cached_property
    def panels(self) -> list[Content]:
        """Every panel, those of collapsed rows too, in order; no rows."""
        listed = [each for panel in self.content["panels"] for each in (panel, *(panel.get("panels") or []))]
        return [panel for panel in listed if panel["type"] != "row"]

    @cached_property
    def variables(self) -> list[Content]:
        """Every variable, in order."""
        return list((self.content.get("templating") or {}).get("list") or [])

    @cached_property
    def annotations(self) -> list[Content]:
        """Every annotation."""
        return list((self.content.get("annotations") or {}).get("list") or [])

    @cached_property
    def queries(self) -> list[Asked]:
        """Every query: of panels, of variables (the selector of ``label_values``) and of annotations."""
        return [*self._of_panels(), *self._of_variables(), *self._of_annotations()]

    def _of_panels(self) -> Iterator[Asked]:
        for panel in self.panels:
            for target in panel.get("targets") or []:
                yield Asked(
                    panel.get("title") or "",
                    target.get("refId") or "",
                    (target.get("datasource") or {}).get("type") or "",
                    target.get("expr") or target.get("query") or "",
                    instant=bool(target.get("instant")) or target.get("queryType") == "instant",
                    legend=target.get("legendFormat") or "",
                )

    def _of_variables(self) -> Iterator[Asked]:
        for variable in self.variables:
            query = variable.get("query") or ""
            if variable["type"] == "query" and isinstance(query, str):
                selector = query.removeprefix("label_values(").rpartition(",")[0] or "up"
                yield Asked(f"variable {variable['name']}", "A", "prometheus", selector, instant=True)

    def _of_annotations(self) -> Iterator[Asked]:
        for note in self.annotations:
            kind = (note.get("datasource") or {}).get("type") or ""
            yield Asked(
                f"annotation {note.get('name')}",
                "A",
                kind,
                note.get("expr") or "",
                legend=note.get("titleFormat") or "",
            )

    @property
    def promql(self) -> list[Asked]:
        """The queries to Prometheus."""
        return [each for each in self.queries if each.source == "prometheus"]


def title(panel: Content) -> str:
    """Returns how messages call a panel."""
    return panel.get("title") or f"panel {panel.get('id')}"


def custom(panel: Content) -> Content:
    """Returns the fields of a panel's own kind."""
    return dict(defaults(panel).get("custom") or {})


def defaults(panel: Content) -> Content:
    """Returns what all fields of a panel have."""
    return dict((panel.get("fieldConfig") or {}).get("defaults") or {})


def overrides(panel: Content) -> Iterator[tuple[str, Any]]:
    """Yields the property and the value of each override of single fields."""
    for each in (panel.get("fieldConfig") or {}).get("overrides") or []:
        yield from ((found["id"], found.get("value")) for found in each.get("properties") or [])


Finding = tuple[str, str]
"""The panel's title, and what is wrong with the fix."""
Check = Callable[..., Iterator[Finding]]
