"""The lists of what may be blank on a young stack hide no panel that is gone, or that was renamed."""

from __future__ import annotations

from dataclasses import replace

from stack.boards.dashboards import load
from tests.stack.running.nothing import may_be_empty, stale


def test_every_entry_is_of_a_panel_that_exists() -> None:
    assert stale(load()) == []


def test_the_entries_of_a_board_that_is_gone_are_stale() -> None:
    found = stale(each for each in load() if each.uid != "lms-alerts")
    assert "lms-alerts / Mean time to resolve (MTTR) / A: no board has it" in found
    assert "lms-alerts / Alerts firing: no board has it" in found
    assert all(each.startswith("lms-alerts / ") for each in found)


def test_a_panel_that_is_renamed_must_not_be_blank() -> None:
    [board] = [each for each in load() if each.uid == "lms-alerts"]
    [panel] = [each for each in board.panels if each.title == "Mean time to resolve (MTTR)"]
    assert may_be_empty(board, panel)
    assert not may_be_empty(board, replace(panel, title="MTTR"))
