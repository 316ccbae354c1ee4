"""A dashboard that somebody edited by hand is refused, with the panel's name and where the change belongs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from grafana import build
from stack import generated
from stack.settings import REPOSITORY

PATH = build.path("lms-api")
PANEL = "Duration of requests"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The generated files, copied so that one can be edited; returns the dashboard's path."""
    for name in generated.FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    monkeypatch.setattr(generated, "REPOSITORY", tmp_path)
    return tmp_path / PATH


def test_what_is_generated_is_accepted(copy: Path) -> None:
    assert copy.is_file()
    assert generated.main(["check"]) == 0


def test_an_edited_panel_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = json.loads(copy.read_text())
    [panel] = [each for each in board["panels"] if each["title"] == PANEL]
    panel["fieldConfig"]["defaults"]["unit"] = "ms"
    copy.write_text(json.dumps(board))
    assert generated.main(["check"]) == 1
    said = capsys.readouterr().err
    assert f"{PATH} is out of date: run `make generate`." in said
    assert f"An edit belongs in its module in grafana/boards/. What differs: {PANEL!r}." in said


def test_an_edit_of_the_board_itself_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy.write_text(copy.read_text().replace('"refresh": "30s"', '"refresh": "1s"'))
    assert generated.main(["check"]) == 1
    assert "What differs: the board." in capsys.readouterr().err


def test_a_broken_file_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy.write_text("{")
    assert generated.main(["check"]) == 1
    assert f"{PATH} is out of date" in capsys.readouterr().err
