"""What lint lets pass for some time, and what its command says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

import pytest

from grafana.__main__ import main
from grafana.lint.check import Fault, remaining
from grafana.lint.exceptions import Exempt
from tests.grafana.sample import BOARD, RATE

FAULT: Final = Fault("sample", RATE, "unit", "it has no unit")
TODAY: Final = date(2026, 11, 28)


def exempt(panel: str = RATE, until: date = TODAY) -> Exempt:
    return Exempt("sample", panel, "unit", "Grafana has no unit for it", until)


def test_an_exception_lets_its_fault_pass_until_its_last_day() -> None:
    assert remaining([FAULT], TODAY, [exempt()]) == []


def test_an_expired_exception_is_a_fault_beside_the_one_that_it_hid() -> None:
    [first, second] = remaining([FAULT], date(2026, 11, 29), [exempt()])
    assert first == FAULT
    assert "its exception ended on 2026-11-28: repair it" in second.text
    assert "Grafana has no unit for it" in second.text


def test_an_exception_that_covers_nothing_is_a_fault() -> None:
    [first, second] = remaining([FAULT], TODAY, [exempt("Gone")])
    assert first == FAULT
    assert second.panel == "Gone"
    assert "drop it" in second.text


def test_the_command_names_each_fault_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    board = replace(BOARD, refresh="5s", question="About the API.")
    assert main(["check"], [board]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.rpartition("[")[2] for line in told] == ["description]", "refresh]"]
    assert all(line.startswith("sample: 'the board': ") for line in told)


def test_the_command_is_content_with_a_good_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"], [BOARD]) == 0
    assert capsys.readouterr().out == "1 boards, 5 panels; no fault.\n"
