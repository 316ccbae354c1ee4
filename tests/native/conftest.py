import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stack.native.toolchain import go as golang
from stack.native.toolchain.build import Workshop
from stack.native.toolchain.cache import cache_dir
from stack.native.toolchain.catalogue import GoTool
from stack.native.toolchain.progress import Board

GREETING = """package main

import "fmt"

func main() {{ fmt.Println("{text}") }}
"""


def write_module(folder: Path, text: str = "hello") -> GoTool:
    """A Go module without dependencies, with two programs."""
    for name in ("hello", "extra"):
        source = folder / "cmd" / name
        source.mkdir(parents=True)
        (source / "main.go").write_text(GREETING.format(text=f"{text} from {name}"))
    (folder / "go.mod").write_text("module example.test/greeting\n\ngo 1.21\n")
    (folder / "go.sum").write_text("")
    return greeting(folder)


def greeting(folder: Path) -> GoTool:
    """The tool that the module in the folder is."""
    packages = {"greet": "example.test/greeting/cmd/hello", "extra": "example.test/greeting/cmd/extra"}
    return GoTool("greeting", folder, "example.test/nothing", packages, seconds=2, scratch_bytes=1_000_000)


@pytest.fixture(scope="session")
def real_go() -> golang.Go:
    """The Go that builds the stack's own tools here."""
    return Workshop(cache_dir(), Board()).find_go((1, 21))


@pytest.fixture
def go_on_path(real_go: golang.Go, monkeypatch: pytest.MonkeyPatch) -> golang.Go:
    monkeypatch.setenv("PATH", f"{real_go.command.parent}{os.pathsep}{os.environ['PATH']}")
    return real_go


@pytest.fixture
def tool(tmp_path: Path) -> GoTool:
    return write_module(tmp_path / "module")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def screen() -> Iterator[StringIO]:
    with StringIO() as screen:
        yield screen


@pytest.fixture
def board(screen: StringIO) -> Board:
    """A board that writes plain lines, as into a log file."""
    return Board(Console(file=screen, highlight=False, width=400))
