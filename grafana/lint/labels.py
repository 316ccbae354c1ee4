"""Rules about names that a panel takes from its answers: labels in legends and annotations, columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from grafana.lint.known import Known
from grafana.lint.promql import parts
from grafana.lint.shown import Asked, Content, Finding, Shown
from grafana.lint.shown import title as named

_PLACE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_QUOTED: Final = re.compile(r'"(\w+)"')  # label_replace and label_join make a label of what they are given


def labels(board: Shown, _known: Known) -> Iterator[Finding]:
    """Each label in a legend, and each column of a table, is in the answer of the query."""
    for query in board.promql:
        known = _left(query)
        for name in _PLACE.findall(query.legend):
            if known and name not in known:
                yield query.where, f"{{{{{name}}}}} of query {query.ref_id} stays empty: {_fix(known)}"
    for panel in board.panels:
        yield from ((named(panel), fault) for fault in _of_table(panel, board))


def _of_table(panel: Content, board: Shown) -> Iterator[str]:
    asked = [each for each in board.promql if each.where == panel.get("title")]
    columns = _names(panel, "filterFieldsByName")
    if panel["type"] != "table" or not asked or not columns:
        return
    values = (
        {"Value"} if len(panel["targets"]) == 1 else {f"Value #{each['refId']}" for each in panel["targets"]}
    )
    found = [_left(each) for each in asked]
    known = set[str]().union(*found) if all(found) else set[str]()
    for name in columns:
        if name.startswith("Value") and name not in values:
            yield f"no query gives its column {name!r}: use {' or '.join(sorted(values))}."
        elif not name.startswith("Value") and known and name not in known:
            yield f"its column {name!r} stays empty: {_fix(known)}"
    for change in panel.get("transformations") or []:
        label = change["options"].get("byField") if change["id"] == "joinByField" else None
        for query, left in zip(asked, found, strict=True):
            if label and left and label not in left:
                yield f"query {query.ref_id} has no {label}, by which the table joins: {_fix(left)}"


def _names(panel: Content, change: str) -> list[str]:
    found = (each["options"] for each in panel.get("transformations") or [] if each["id"] == change)
    return [name for each in found for name in each["include"]["names"]]


def _left(query: Asked) -> set[str]:
    """Returns the labels that an aggregation may leave; none if there is none: then series keep theirs."""
    grouped = parts(query.text).labels
    return grouped | set(_QUOTED.findall(query.text)) if grouped else set()


def _fix(known: set[str]) -> str:
    return f"add it to `by (…)`, or use one of {', '.join(sorted(known))}."
