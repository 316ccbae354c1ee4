"""`make up`, `status`, `report`, `down` and `clean` as a user runs them, in a copy of the project."""

from __future__ import annotations

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from stack.native.native_stack import NativeStack, ensure_programs
from stack.native.supervisor import Supervisor
from stack.settings import REPOSITORY
from tests.copies import copy_of_the_project, newcomers_environment

pytestmark = pytest.mark.stack


@dataclass(frozen=True)
class Newcomer:
    """A new user with a clone, an empty data folder and free ports."""

    clone: Path
    data: Path
    environ: Mapping[str, str]

    def start(self, *command: str, **more: str) -> subprocess.Popen[str]:
        """Starts a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "stack", *command],
            cwd=self.clone,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def types(self, *command: str, **more: str) -> tuple[int, str]:
        """Runs a command and returns its exit code and its output."""
        with self.start(*command, **more) as process:
            said, _ = process.communicate(timeout=240)
        return process.returncode, said

    def processes(self) -> int:
        """Counts the running processes."""
        return len(Supervisor(self.data).members())


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    ensure_programs()
    clone, data = tmp_path / "clone", tmp_path / "data"
    copy_of_the_project(clone)
    ports = NativeStack.scratch(data).environment.values
    given = {key: value for key, value in ports.items() if key == "LMS_PORT" or key.startswith("STACK_PORT_")}
    ours = {**_exported_by_make(), "STACK": "native", "STACK_DATA_DIR": str(data)}
    yield Newcomer(clone, data, {**newcomers_environment(), **given, **ours})
    Supervisor(data).stop(lambda _: None)


def _exported_by_make() -> dict[str, str]:
    """Returns the variables that make passes to every command: empty, unless the user gives them a value."""
    [names] = re.findall(r"^export (.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    return dict.fromkeys(names.split(), "")


def _where_to_look(environ: Mapping[str, str]) -> set[str]:
    text = (REPOSITORY / "stack" / "native" / "process-compose.yaml").read_text()
    addresses = [each["x-open"] for each in yaml.safe_load(text)["processes"].values() if "x-open" in each]
    return {re.sub(r"\$\{(\w+)\}", lambda name: environ[name[1]], address) for address in addresses}


def test_a_whole_life_cycle_with_make(newcomer: Newcomer) -> None:
    code, said = newcomer.types("up")
    assert code == 0, said
    secrets = newcomer.clone / ".env"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert f"Wrote {secrets} with generated secrets" in said
    assert "Demo catalogue: 8 courses created" in said
    assert "Simulated learners study for a minute" in said
    assert {address for address in _where_to_look(newcomer.environ) if address not in said} == set()
    assert "admin@example.org, LMS_ADMIN_PASSWORD" in said
    assert "lms, STACK_STORES_PASSWORD" in said
    running = Supervisor(newcomer.data).session()

    code, said = newcomer.types("up")
    assert code == 0, said
    assert Supervisor(newcomer.data).session() == running
    assert "The stack is already running." in said
    assert "Loading the demo" not in said

    code, said = newcomer.types("status")
    assert code == 0, said
    code, said = newcomer.types("backup-done")
    assert code == 0, said
    code, said = newcomer.types("report")
    assert code == 0, said
    assert "Weekly report" in said
    code, said = newcomer.types("report", CADENCE="yearly")
    assert code != 0
    assert "'yearly' (choose from" in said
    code, said = newcomer.types("down")
    assert code == 0, said
    assert re.search(r"none of \d+ processes is left", said)
    assert newcomer.processes() == 0

    code, said = newcomer.types("clean")
    assert code == 1, "clean must not remove data without confirmation"
    assert newcomer.data.exists()
    code, said = newcomer.types("clean", FORCE="1")
    assert code == 0, said
    assert not newcomer.data.exists()


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        ("  ready: ", signal.SIGINT),
        ("Loading the demo catalogue.", signal.SIGHUP),
    ],
)
def test_an_interrupted_start_leaves_nothing(newcomer: Newcomer, phase: str, number: signal.Signals) -> None:
    with newcomer.start("up") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(phase):
                break
        process.send_signal(number)
        said = process.stdout.read()
    assert process.returncode == 130, said
    assert said.rstrip().endswith("Interrupted."), said
    assert newcomer.processes() == 0
    assert "Log in as" not in said
