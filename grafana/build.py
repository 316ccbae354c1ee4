"""Renders every board: `make generate` with the shared thresholds, each stack with its environment's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from grafana.board import Board, BoardError
from grafana.boards import alerting, api, business, logs, overview, resources, slo, stores, telemetry
from stack.alerting.thresholds import Thresholds

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
    """Returns the path of each generated file, and what renders it with the shared thresholds."""
    return {path(board.uid): partial(_shared, board) for board in BOARDS}


def write(folder: Path, environment: str) -> None:
    """Writes every board into the folder, in place, and removes those that are gone.

    Colours change, and lines are, where the alerts of the environment fire (`alerting.write_rules`).

    Raises:
        AlertingError: a threshold or an overlay is wrong; then nothing is written.
    """
    thresholds = Thresholds.load(environment)
    found = {folder / name(board.uid): board.render(thresholds) for board in BOARDS}
    for stale in set(folder.rglob("*.json")) - set(found):
        stale.unlink()
    for target, text in found.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def name(uid: str) -> str:
    """Returns the path of a board's JSON in a folder of dashboards.

    Raises:
        BoardError: it has no folder.
    """
    if uid not in FOLDERS:
        raise BoardError(f"{uid}: the board has no folder: add it to FOLDERS in grafana/build.py.")
    return f"{FOLDERS[uid]}/{uid}.json"


def path(uid: str) -> str:
    """Returns the path of a board's JSON, from the repository's root."""
    return f"grafana/dashboards/{name(uid)}"


def changed(found: str, wanted: str) -> list[str]:
    """Returns the titles of the panels that differ between two texts of one board; none if it is no JSON."""
    try:
        one, other = _panels(found), _panels(wanted)
    except (ValueError, LookupError, TypeError):
        return []
    return sorted(title for title in one.keys() | other.keys() if one.get(title) != other.get(title))


def _shared(board: Board) -> str:
    return board.render(Thresholds.load())


def _panels(text: str) -> dict[str, Any]:
    listed = [each for panel in json.loads(text)["panels"] for each in (panel, *(panel.get("panels") or []))]
    return {str(panel["title"]): panel for panel in listed if panel["type"] != "row"}
