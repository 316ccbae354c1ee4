import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import psutil
import pytest

from stack.native.toolchain.build import expected_seconds, make_all, parallel_builds
from stack.native.toolchain.cache import is_built, tool_dir
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.go import Go
from stack.native.toolchain.kinds import GoTool
from stack.native.toolchain.progress import Board
from tests.programs import wait_until
from tests.stack.native.conftest import GREETING, write_module

# Builds the fixture's module in a separate process, as `make up` would.
BUILDER = """
import sys
from pathlib import Path
from stack.native.toolchain.build import make_all
from stack.native.toolchain.progress import Board
from tests.stack.native.conftest import greeting
try:
    make_all([greeting(Path(sys.argv[1]))], Path(sys.argv[2]), Board())
except KeyboardInterrupt:
    sys.exit(130)
"""
# Answers `go env`, logs each build, and then builds or hangs.
WRAPPER = """#!/bin/sh
[ "$1" = build ] && echo "$$" >> {log}
{hang}
exec {go} "$@"
"""
HANG = '[ "$1" = build ] && exec sleep 600'


def _run(path: Path) -> str:
    return subprocess.run([path], capture_output=True, text=True, check=True).stderr


def _leftovers(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*.partial-*")}


@pytest.fixture
def wrapped_go(tmp_path: Path, real_go: Go, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Installs a wrapper first on the PATH that logs the process id of each build."""

    def install(hang: str) -> Path:
        log = tmp_path / "builds"
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "go").write_text(WRAPPER.format(log=log, go=real_go.command, hang=hang))
        (folder / "go").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return log

    return install


@pytest.fixture
def builder(tool: GoTool, cache: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts builders, which are killed after the test."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", BUILDER, str(tool.folder), str(cache)]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.mark.usefixtures("go_on_path")
def test_builds_all_binaries_of_a_module(tool: GoTool, cache: Path, board: Board, screen: StringIO) -> None:
    make_all([tool], cache, board)
    folder = tool_dir(cache, tool)
    assert _run(folder / "greet") == "hello from hello\n"
    assert _run(folder / "extra") == "hello from extra\n"
    assert {path.name for path in cache.iterdir()} == {"tools", "licences", "lock"}
    assert re.search(r"^Building greeting with go1\.\d+", screen.getvalue())
    assert re.search(r"^greeting: done in \d+ s, \d+ MB$", screen.getvalue(), re.MULTILINE)


@pytest.mark.usefixtures("go_on_path")
def test_a_second_checkout_builds_nothing(
    tool: GoTool, cache: Path, board: Board, tmp_path: Path, screen: StringIO
) -> None:
    make_all([tool], cache, board)
    before = (tool_dir(cache, tool) / "greet").stat()
    screen.truncate(0)
    make_all([write_module(tmp_path / "second")], cache, board)
    assert (tool_dir(cache, tool) / "greet").stat() == before
    assert screen.getvalue().strip("\0") == ""


@pytest.mark.usefixtures("go_on_path")
def test_a_changed_module_is_built_next_to_the_old_one(
    tool: GoTool, cache: Path, board: Board, tmp_path: Path, warm: Callable[[Path], None]
) -> None:
    make_all([tool], cache, board)
    changed = write_module(tmp_path / "changed", text="good day")
    (changed.folder / "go.mod").write_text("module example.test/greeting\n\ngo 1.22\n")
    warm(cache)
    make_all([changed], cache, board)
    assert _run(tool_dir(cache, changed) / "greet") == "good day from hello\n"
    assert _run(tool_dir(cache, tool) / "greet") == "hello from hello\n"


@pytest.mark.usefixtures("go_on_path")
def test_a_failed_build_explains_itself_keeps_its_log_and_can_be_retried(
    tool: GoTool, cache: Path, board: Board
) -> None:
    source = tool.folder / "cmd" / "hello" / "main.go"
    source.write_text("package main\n\nfunc main() { undefinedThing() }\n")
    with pytest.raises(ToolError, match=r"^Building greeting failed\.") as failure:
        make_all([tool], cache, board)
    text = str(failure.value)
    assert "undefined: undefinedThing" in text
    log = re.search(r"full log is (\S+)\. ", text)
    assert log is not None
    assert "undefinedThing" in Path(log[1]).read_text()
    assert _leftovers(cache) == set()

    source.write_text(GREETING.format(text="mended"))
    make_all([tool], cache, board)
    assert _run(tool_dir(cache, tool) / "greet") == "mended\n"


@pytest.mark.usefixtures("go_on_path")
def test_one_failure_stops_the_others_and_leaves_nothing(
    tool: GoTool, cache: Path, board: Board, tmp_path: Path
) -> None:
    broken = write_module(tmp_path / "broken")
    (broken.folder / "go.mod").write_text("module example.test/other\n\ngo 1.21\n")
    with pytest.raises(ToolError, match="Building greeting failed"):
        make_all([broken, tool], cache, board)
    assert not is_built(cache, broken)
    assert _leftovers(cache) == set()


@pytest.mark.usefixtures("go_on_path")
def test_an_unreachable_module_proxy_is_reported_as_such(
    tool: GoTool, cache: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    with (tool.folder / "go.mod").open("a") as file:
        file.write("\nrequire example.test/absent v1.0.0\n")
    (tool.folder / "go.sum").write_text(f"example.test/absent v1.0.0 h1:{'A' * 43}=\n")
    source = tool.folder / "cmd" / "hello" / "main.go"
    source.write_text('package main\n\nimport _ "example.test/absent"\n\nfunc main() {}\n')
    with pytest.raises(ToolError, match=r"a download failed\. Check the network"):
        make_all([tool], cache, board)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_succeeds_after_an_interrupted_one(
    number: signal.Signals,
    tool: GoTool,
    cache: Path,
    board: Board,
    wrapped_go: Callable[[str], Path],
    builder: Callable[[], subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    real_go: Go,
) -> None:
    log = wrapped_go(HANG)
    process = builder()
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the build has begun")
    child = psutil.Process(int(log.read_text()))
    process.send_signal(number)
    process.wait(20)

    if number == signal.SIGINT:
        assert process.returncode == 130
        assert not child.is_running()
        assert _leftovers(cache) == set()
    elif child.is_running():
        child.kill()

    monkeypatch.setenv("PATH", f"{real_go.command.parent}{os.pathsep}{os.environ['PATH']}")
    make_all([tool], cache, board)
    assert _leftovers(cache) == set()
    assert _run(tool_dir(cache, tool) / "greet") == "hello from hello\n"


def test_the_second_of_two_concurrent_builds_waits(
    tool: GoTool,
    cache: Path,
    wrapped_go: Callable[[str], Path],
    builder: Callable[[], subprocess.Popen[str]],
) -> None:
    log = wrapped_go("")
    processes = [builder(), builder()]
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    library_and_tool = 2
    assert len(log.read_text().splitlines()) == library_and_tool
    assert is_built(cache, tool)


def test_cores_and_memory_limit_concurrency() -> None:
    gigabyte = 10**9
    assert parallel_builds(cores=2, memory=24 * gigabyte) == 2
    assert parallel_builds(cores=16, memory=64 * gigabyte) == 2
    assert parallel_builds(cores=1, memory=24 * gigabyte) == 1
    assert parallel_builds(cores=8, memory=gigabyte) == 1


def test_more_cores_shorten_the_estimate(tool: GoTool) -> None:
    assert expected_seconds(tool, cores=2) == tool.seconds
    assert expected_seconds(tool, cores=4) == tool.seconds / 2
    assert expected_seconds(tool, cores=64) == expected_seconds(tool, cores=8)
