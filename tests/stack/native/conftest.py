import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymongo
import pytest
from rich.console import Console

from stack.native.toolchain import go as golang
from stack.native.toolchain.build import Workshop
from stack.native.toolchain.cache import cache_dir
from stack.native.toolchain.kinds import GoTool
from stack.native.toolchain.progress import Board
from stack.native.tools import ensure
from tests.programs import free_port, wait_until

PASSWORD = 'it\'s a "password" with \\ and $1'
# The built-in println writes to standard error and needs no package, so little has to be compiled.
GREETING = """package main

func main() {{ println("{text}") }}
"""


def write_module(folder: Path, text: str = "hello") -> GoTool:
    """Writes a Go module without dependencies, with two programs."""
    for name in ("hello", "extra"):
        source = folder / "cmd" / name
        source.mkdir(parents=True)
        (source / "main.go").write_text(GREETING.format(text=f"{text} from {name}"))
    (folder / "go.mod").write_text("module example.test/greeting\n\ngo 1.21\n")
    (folder / "go.sum").write_text("")
    return greeting(folder)


def greeting(folder: Path) -> GoTool:
    """Returns the tool for the module in the folder."""
    packages = {"greet": "example.test/greeting/cmd/hello", "extra": "example.test/greeting/cmd/extra"}
    return GoTool("greeting", folder, "example.test/nothing", packages, seconds=2, scratch_bytes=1_000_000)


@pytest.fixture(scope="session")
def real_go() -> golang.Go:
    """The Go that builds the stack's tools on this machine."""
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
    """A Go build cache with the compiled runtime."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "tmp").mkdir()
    tool = write_module(folder / "module")
    command = golang.build_command(real_go, tool, folder / "out")
    subprocess.run(command, cwd=tool.folder, env=golang.environment(real_go, folder), check=True)
    return folder / "gocache"


@pytest.fixture
def warm(compiled_runtime: Path) -> Callable[[Path], None]:
    """Puts a tool cache into the state after an interrupted build: compiled packages, no tool."""

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
    """A board that prints plain lines, as it does into a log file."""
    return Board(Console(file=screen, highlight=False, width=400))


Launch = Callable[..., "Launched"]


class Launched:
    """A process whose output goes to a file."""

    def __init__(self, command: list[str], log: Path, environ: dict[str, str]) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env={**os.environ, **environ}
            )

    def says(self, text: str) -> None:
        """Waits until the text is in the log."""
        wait_until(lambda: text in self.log.read_text(), lambda: f"{text!r} is in {self.log.read_text()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    return ensure(["postgres", "initdb", "ferretdb"])


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, like /root."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def launch(tmp_path: Path, port: int, programs: dict[str, Path]) -> Iterator[Launch]:
    assert programs
    started: list[Launched] = []

    def start(data: Path, password: str = PASSWORD, **environ: str) -> Launched:
        command = [
            sys.executable,
            "-m",
            "stack.native.postgres",
            "run",
            "--data-dir",
            str(data),
            "--port",
            str(port),
        ]
        log = tmp_path / f"postgres-{len(started)}.log"
        started.append(Launched(command, log, {"STACK_POSTGRES_PASSWORD": password, **environ}))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()


Database = pymongo.database.Database[dict[str, Any]]
Connect = Callable[[str], AbstractContextManager[Database]]


@pytest.fixture
def connect(tmp_path: Path, port: int, programs: dict[str, Path]) -> Iterator[Connect]:
    """Connects to a FerretDB in front of the PostgreSQL on the port."""
    mongo_port = free_port()
    url = f"postgres://127.0.0.1:{port}/lms?sslmode=disable"
    command = [str(programs["ferretdb"]), "--listen-addr", f"127.0.0.1:{mongo_port}", "--postgresql-url", url]
    # The user's own PostgreSQL credentials must not grant access.
    ferretdb = Launched(command, tmp_path / "ferretdb.log", {"PGPASSWORD": PASSWORD, "PGUSER": "lms"})
    ferretdb.says("FerretDB is starting")

    @contextmanager
    def client(password: str) -> Iterator[Database]:
        login = f"lms:{quote(password, safe='')}@" if password else ""
        address = f"mongodb://{login}127.0.0.1:{mongo_port}/" + ("?authMechanism=PLAIN" if password else "")
        with pymongo.MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=10_000) as opened:
            yield opened["lms"]

    yield client
    assert ferretdb.end() == 0
