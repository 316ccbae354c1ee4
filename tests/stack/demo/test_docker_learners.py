"""Learners on a platform in Docker: `make` manages them, because Compose does not know them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stack.docker import LEARNERS
from stack.dotenv_file import read
from stack.environment import write
from stack.native.session import Session, kill
from stack.settings import REPOSITORY
from tests.fake_docker import FakeDocker, Play, container
from tests.programs import wait_until
from tests.stack.demo.running_platform import ADMIN, Platform


@pytest.fixture(name="data")
def _data(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of a stack in Docker, whose platform is the one of these tests."""
    write(tmp_path / ".env")
    port, data = str(urlsplit(platform.url).port), tmp_path / "data"
    ours = {"STACK": "docker", "STACK_DATA_DIR": str(data), "LMS_PORT": port, **ADMIN}
    for key, value in {**read(tmp_path / ".env"), **ours, "PATH": str(tmp_path)}.items():
        monkeypatch.setenv(key, value)
    FakeDocker(tmp_path, Play(now=[container("app")])).install()
    yield data
    if session := Session.load(data / LEARNERS):
        kill(session.members(), signal.SIGKILL)


def stack(*arguments: str) -> str:
    command = [sys.executable, "-m", "stack", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=REPOSITORY, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("end", [["down"], ["clean", "--force"]])
def test_learners_run_once_at_a_time_and_stop_with_the_stack(
    end: list[str], data: Path, platform: Platform
) -> None:
    log, before = data / "learners.log", platform.count("users")
    assert f"Simulated learners study for a minute (log: {log})." in stack("demo")
    session = Session.load(data / LEARNERS)
    assert session is not None
    (first,) = session.members()
    wait_until(lambda: platform.count("users") > before, "learners study at the platform")
    assert stack("demo") == f"Simulated learners are already at work (log: {log}).\n"
    assert (Session.load(data / LEARNERS), session.members()) == (session, [first])
    stack(*end)
    assert session.members() == []
    assert not (data / LEARNERS).exists()


def test_a_process_with_a_reused_pid_is_left_alone(data: Path) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    with stranger:
        (data / LEARNERS).parent.mkdir(parents=True)
        session = Session.of(stranger.pid)
        Session(session.leader, session.started - 1, session.boot).save(data / LEARNERS)
        stack("down")
        assert stranger.poll() is None
