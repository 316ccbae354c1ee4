"""Renders every board: `make generate` writes the JSON that Grafana and the stand-in read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from grafana.board import Board
from grafana.boards import api, logs, slo, stores, telemetry

BOARDS: Final[tuple[Board, ...]] = (api.BOARD, stores.BOARD, logs.BOARD, telemetry.BOARD, slo.BOARD)
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
