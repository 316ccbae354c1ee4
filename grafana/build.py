"""Renders every board: `make generate` writes the JSON that Grafana and the stand-in read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from grafana.board import Board
from grafana.boards import api

BOARDS: Final[tuple[Board, ...]] = (api.BOARD,)
FOLDER: Final = "grafana/dashboards"


def files() -> Mapping[str, Callable[[], str]]:
    """Returns the path of each generated file, and what renders it."""
    return {f"{FOLDER}/{board.uid}.json": board.render for board in BOARDS}
