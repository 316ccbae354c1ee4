"""What lint lets pass for some time, and what its command says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from grafana import build
from grafana.__main__ import main
from grafana.board import BoardError, Row
from grafana.lint.check import Fault, remaining
from grafana.lint.exceptions import Exempt
from grafana.panels import Panel
from stack.alerting import thresholds
from stack.alerting.thresholds import Thresholds
from tests.grafana.sample import BOARD, RATE, SLOW

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


def test_a_board_without_a_folder_is_refused() -> None:
    said = r"^sample: the board has no folder: add it to FOLDERS in grafana/build\.py\.$"
    with pytest.raises(BoardError, match=said):
        build.path(BOARD.uid)


def _always(panel: Panel) -> Panel:
    """Returns the panel with the shared thresholds wherever it is."""
    built: Callable[[Thresholds], Any] = panel.built

    def shared(_: Thresholds) -> Any:  # noqa: ANN401 - the builders of the kinds have no common type
        return built(Thresholds.load())

    return replace(panel, built=shared)


@pytest.fixture
def overlays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of environments, empty."""
    monkeypatch.setattr(thresholds, "ENVIRONMENTS", tmp_path)
    return tmp_path


def test_the_boards_of_each_environment_are_checked(
    overlays: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (overlays / "exam-week.yml").write_text("thresholds: {api_p95: 2}\n")
    rows = tuple(Row(row.title, tuple(map(_always, row.panels)), row.collapsed) for row in BOARD.rows)
    assert main(["check"], [BOARD]) == 0
    assert main(["check"], [replace(BOARD, rows=rows)]) == 1
    said = f"sample: {SLOW!r} (LMS_ENVIRONMENT=exam-week): its colour changes at 1, where no alert does"
    assert capsys.readouterr().err.startswith(said)


def test_an_environment_with_an_unknown_threshold_is_refused(
    overlays: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (overlays / "exam-week.yml").write_text("thresholds: {host_cpuu: 1}\n")
    assert main(["check"], [BOARD]) == 2
    said = "exam-week.yml: thresholds.host_cpuu: is no threshold. Do you mean host_cpu?\n"
    assert capsys.readouterr().err == said
