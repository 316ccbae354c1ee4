"""Renders every board: `make generate` writes the JSON that Grafana and the stand-in read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from grafana.board import Board
from grafana.boards import alerting, api, business, logs, overview, resources, slo, stores, telemetry

BOARDS: Final[tuple[Board, ...]] = (
    overview.BOARD,
    api.BOARD,
    business.BOARD,
    alerting.BOARD,
    resources.BOARD,
    stores.BOARD,
    logs.BOARD,
    telemetry.BOARD,
    slo.BOARD,
)
# Grafana's permissions are by folder: what people ask about the platform, and what those ask who run it.
FOLDERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(["lms-overview", "lms-api", "lms-business", "lms-slo"], "platform"),
    **dict.fromkeys(["lms-alerts", "lms-resources", "lms-stores", "lms-logs", "collector"], "operations"),
}


def files() -> Mapping[str, Callable[[], str]]:
    """Returns the path of each generated file, and what renders it."""
    return {path(board.uid): board.render for board in BOARDS}


def path(uid: str) -> str:
    """Returns the path of a board's JSON, from the repository's root."""
    return f"grafana/dashboards/{FOLDERS[uid]}/{uid}.json"


def changed(found: str, wanted: str) -> list[str]:
    """Returns the titles of the panels that differ between two texts of one board; none if it is no JSON."""
    try:
        one, other = _panels(found), _panels(wanted)
    except (ValueError, LookupError, TypeError):
        return []
    return sorted(title for title in one.keys() | other.keys() if one.get(title) != other.get(title))


def _panels(text: str) -> dict[str, Any]:
    listed = [each for panel in json.loads(text)["panels"] for each in (panel, *(panel.get("panels") or []))]
    return {str(panel["title"]): panel for panel in listed if panel["type"] != "row"}
