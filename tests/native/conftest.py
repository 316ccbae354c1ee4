import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from stack.native.toolchain import go as golang
from stack.native.toolchain.build import Workshop
from stack.native.toolchain.cache import cache_dir
from stack.native.toolchain.kinds import GoTool
from stack.native.toolchain.progress import Board

# The built-in println writes to standard error and needs no package, so little has to be compiled.
GREETING = """package main

func main() {{ println("{text}") }}
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


@pytest.fixture(scope="session")
def compiled_runtime(tmp_path_factory: pytest.TempPathFactory, real_go: golang.Go) -> Path:
    """A Go build cache that has Go's runtime."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "tmp").mkdir()
    tool = write_module(folder / "module")
    command = golang.build_command(real_go, tool, folder / "out")
    subprocess.run(command, cwd=tool.folder, env=golang.environment(real_go, folder), check=True)
    return folder / "gocache"


@pytest.fixture
def warm(compiled_runtime: Path) -> Callable[[Path], None]:
    """Puts a tools' cache into the state after an interrupted build: compiled packages, no tool."""

    def fill(cache: Path) -> None:
        shutil.copytree(compiled_runtime, cache / "build" / "gocache", copy_function=os.link)

    return fill


@pytest.fixture
def cache(tmp_path: Path, warm: Callable[[Path], None]) -> Path:
    folder = tmp_path / "cache"
    warm(folder)
    return folder


@pytest.fixture
def screen() -> Iterator[StringIO]:
    with StringIO() as screen:
        yield screen


@pytest.fixture
def board(screen: StringIO) -> Board:
    """A board that writes plain lines, as into a log file."""
    return Board(Console(file=screen, highlight=False, width=400))
