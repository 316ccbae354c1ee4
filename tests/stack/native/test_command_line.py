import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stack.native import tools
from stack.native.toolchain import system
from stack.native.toolchain.catalogue import TOOLS
from stack.native.toolchain.progress import Board
from stack.settings import REPOSITORY


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STACK_CACHE_DIR", str(tmp_path))
    return tmp_path


def _redis(folder: Path, banner: str) -> None:
    command = folder / "redis-server"
    command.write_text(f"#!/bin/sh\necho '{banner}'\n")
    command.chmod(0o755)


@pytest.mark.usefixtures("empty_cache")
def test_a_program_that_is_not_built_names_the_command_that_builds_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tools.main(["path", "--tool", "jaeger"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    command = "`.venv/bin/python -m stack.native.tools build --tool jaeger`"
    assert f"jaeger is not built yet; run {command}" in printed.err


@pytest.mark.usefixtures("empty_cache")
def test_an_unknown_program_is_rejected_before_anything_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert tools.main(["build", "--tool", "jaeger", "--tool", "tempo"]) == 1
    assert "There is no tool named 'tempo'" in capsys.readouterr().err


def test_the_list_has_every_program(empty_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tools.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [name for tool in TOOLS for name in tool.binaries]
    assert list(empty_cache.iterdir()) == []


def test_list_exits_silently_when_its_reader_closes_the_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "stack.native.tools", "list"]
    ended = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["build", "--help"]):
        with pytest.raises(SystemExit) as end:
            tools.main(arguments)
        assert end.value.code == 0
        assert "usage: python -m stack.native.tools" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("banner", "accepted"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", True),
        ("Redis server v=6.2.5 sha=0", True),
        ("Redis server v=6.0.16 sha=0", False),
        ("something else", False),
    ],
)
def test_the_machines_redis_is_used_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banner: str, *, accepted: bool
) -> None:
    _redis(tmp_path, banner)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert system.find_redis() == (tmp_path / "redis-server" if accepted else None)


@pytest.mark.usefixtures("empty_cache")
def test_the_machines_redis_needs_no_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.mkdir()
    _redis(own, "Redis server v=7.4.0")
    monkeypatch.setenv("PATH", f"{own}{os.pathsep}{os.environ['PATH']}")
    assert tools.ensure(["redis-server"]) == {"redis-server": own / "redis-server"}


def test_a_terminal_gets_one_live_line_per_tool() -> None:
    with StringIO() as screen:
        with Board(Console(file=screen, force_terminal=True, width=100)) as board:
            board.started("jaeger", 200)
            board.working("jaeger", "12 packages compiled")
            board.finished("jaeger", "157 MB")
        shown = screen.getvalue()
    assert "jaeger" in shown
    assert "157 MB" in shown
