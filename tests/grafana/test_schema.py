"""Every dashboard is what Grafana's published schemas describe: dashboard, panels, fields and queries."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest

from grafana.build import BOARDS
from stack.alerting.thresholds import Thresholds
from tests.grafana import schemas
from tests.grafana.schemas import Content, panels

RENDERED = {board.uid: json.loads(board.render(Thresholds.load())) for board in BOARDS}


def _faults(board: Content) -> list[str]:
    """Returns what is refused: by the schemas, or, on a clone without them, by the models of the SDK."""
    found = schemas.folder()
    return schemas.refused(board, found) if found else schemas.lost(board)


@pytest.mark.parametrize("uid", RENDERED)
def test_a_board_is_valid(uid: str, record_property: Callable[[str, object], None]) -> None:
    if schemas.folder() is None:
        record_property(
            "note", "dashboards: the published schemas are not beside the project; models checked them"
        )
    assert _faults(RENDERED[uid]) == []


@pytest.mark.parametrize("uid", RENDERED)
def test_the_models_of_the_sdk_keep_all_of_a_board(uid: str) -> None:
    """On every clone, with the schemas or without."""
    assert schemas.lost(RENDERED[uid]) == []


def _unknown_option(panel: Content) -> None:
    panel["options"]["legnd"] = {}


def _unknown_field(panel: Content) -> None:
    panel["fieldConfig"]["defaults"]["custom"]["lineWidht"] = 2


def _unknown_in_query(panel: Content) -> None:
    panel["targets"][0]["expression"] = "up"


def _wrong_choice(panel: Content) -> None:
    panel["options"]["legend"]["displayMode"] = "lsit"


def _no_kind(panel: Content) -> None:
    panel["type"] = "graph"


@pytest.mark.parametrize("break_it", [_unknown_option, _unknown_field, _unknown_in_query])
def test_what_grafana_does_not_know_is_refused(break_it: Callable[[Content], None]) -> None:
    board = copy.deepcopy(RENDERED["lms-api"])
    panel = next(each for each in panels(board) if each["type"] == "timeseries")
    break_it(panel)
    assert _faults(board) != []
    assert schemas.lost(board) != []


@pytest.mark.skipif(schemas.folder() is None, reason="the published schemas are not beside the project")
@pytest.mark.parametrize("break_it", [_wrong_choice, _no_kind])
def test_the_schemas_refuse_more_than_the_models(break_it: Callable[[Content], None]) -> None:
    board = copy.deepcopy(RENDERED["lms-api"])
    break_it(next(each for each in panels(board) if each["type"] == "timeseries"))
    assert _faults(board) != []
