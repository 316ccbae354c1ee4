"""The dashboards that serve any service: their panels that read nothing of the platform's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from grafana import build
from grafana.panels import GRID
from stack.alerting.thresholds import Thresholds
from stack.bundle.portable import Portable
from stack.bundle.rules import Rules
from stack.bundle.wording import PLATFORM, Wording

# A board of which less is left says nothing about another service.
_ENOUGH: Final = 0.5
_QUERY: Final = ("expr", "query")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Boards:
    """Dashboards, and what was left out.

    Args:
        files: the JSON by path in the folder of dashboards.
        titles: of the dashboards, by uid.
        left_out: the titles of boards, and of panels as ``board: panel``.
    """

    files: dict[str, str]
    titles: dict[str, str]
    left_out: tuple[str, ...]


def chosen(wording: Wording, rules: Rules, environment: str) -> Boards:
    """Returns the dashboards for a service: with its name, chosen in the variable, and its panels only.

    Raises:
        AlertingError: a threshold or the environment's overlay is wrong.
    """
    thresholds = Thresholds.load(environment)
    files: dict[str, str] = {}
    titles: dict[str, str] = {}
    left_out: list[str] = []
    for board in build.BOARDS:
        rendered = json.loads(board.render(thresholds))
        kept, missing = _kept(rendered, rules)
        kept = kept if wording.own else _adapted(kept, wording, Portable(rules.absent))
        if len(missing) > _ENOUGH * _asking(rendered["panels"]):
            left_out.append(f"{kept['title']} (the whole board)")
            continue
        left_out += [f"{kept['title']}: {title}" for title in missing]
        files[f"{build.FOLDERS[board.uid]}/{kept['uid']}.json"] = json.dumps(kept)
        titles[kept["uid"]] = kept["title"]
    return Boards({path: _linked(text, titles) for path, text in files.items()}, titles, tuple(left_out))


def queries(panel: Json) -> list[str]:
    """Returns the queries of a panel."""
    return [str(target[key]) for target in panel.get("targets") or [] for key in _QUERY if key in target]


def panels(listed: Iterable[Json]) -> Iterator[Json]:
    """Yields every panel, those of collapsed rows included, and no row."""
    for panel in listed:
        if panel["type"] == "row":
            yield from panels(panel.get("panels") or [])
        else:
            yield panel


def _asking(listed: Iterable[Json]) -> int:
    return sum(bool(queries(panel)) for panel in panels(listed))


def _kept(board: Json, rules: Rules) -> tuple[Json, list[str]]:
    """Returns the board with the panels that the rules serve, without gaps; and the others' titles."""
    missing = [each["title"] for each in panels(board["panels"]) if not _serves(each, rules)]
    rows: list[tuple[Json, list[Json]]] = []
    for panel in board["panels"]:
        if panel["type"] == "row":
            rows.append((panel, list(panel.get("panels") or [])))
        else:
            rows[-1][1].append(panel)
    rows = [(row, [each for each in inside if _serves(each, rules)]) for row, inside in rows]
    notes = board["annotations"].get("list") or []
    notes = [each for each in notes if rules.serves(str(each.get("expr", "")))]
    placed = list(_placed([(row, inside) for row, inside in rows if inside]))
    return {**board, "panels": placed, "annotations": {"list": notes} if notes else {}}, missing


def _serves(panel: Json, rules: Rules) -> bool:
    return all(rules.serves(query) for query in queries(panel))


def _placed(rows: Iterable[tuple[Json, list[Json]]]) -> Iterator[Json]:
    """Yields rows and panels from top to bottom, each row's panels from left to right."""
    top = 0
    for row, inside in rows:
        left, below, tallest, placed = 0, top + 1, 0, []
        for panel in inside:
            place = panel["gridPos"]
            if left + place["w"] > GRID:
                left, below, tallest = 0, below + tallest, 0
            placed.append({**panel, "gridPos": {**place, "x": left, "y": below}})
            left, tallest = left + place["w"], max(tallest, place["h"])
        moved = {**row, "gridPos": {**row["gridPos"], "y": top}}
        yield {**moved, "panels": placed} if row.get("collapsed") else moved
        yield from () if row.get("collapsed") else placed
        top = below + tallest


def _adapted(board: Json, wording: Wording, portable: Portable) -> Json:
    named = wording.everywhere(board, wording.name)
    named["description"] = portable.text(named["description"])
    for panel in panels(named["panels"]):
        panel["description"] = portable.text(panel["description"])
        if panel["type"] == "text":
            panel["options"]["content"] = portable.text(panel["options"]["content"])
    changed: Json = wording.everywhere(named, lambda text: wording.prose(wording.query(text)))
    changed["tags"] = [wording.service if tag == PLATFORM else tag for tag in changed["tags"]]
    for link in changed["links"]:
        link["tags"] = [wording.service if tag == PLATFORM else tag for tag in link.get("tags") or []]
    for variable in changed["templating"]["list"]:
        if variable["name"] == "service":
            variable["current"] = {"selected": True, "text": [wording.service], "value": [wording.service]}
    return changed


def _linked(text: str, titles: dict[str, str]) -> str:
    """Returns a board without the links to boards that were left out."""
    board = json.loads(text)
    for panel in panels(board["panels"]):
        links = panel.get("links") or []
        if links:
            panel["links"] = [link for link in links if _leads(link, titles)]
        defaults = (panel.get("fieldConfig") or {}).get("defaults") or {}
        if defaults.get("links"):
            defaults["links"] = [link for link in defaults["links"] if _leads(link, titles)]
    return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _leads(link: Json, titles: dict[str, str]) -> bool:
    address = str(link.get("url", ""))
    return not address.startswith("/d/") or address.removeprefix("/d/").split("?")[0].split("/")[0] in titles
