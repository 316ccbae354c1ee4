"""`python -m app` as an operator sees it: a process of its own, its messages and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app import VERSION
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.app.served import ROOT, clean_environment, served_platform
from tests.programs import Program, free_port, wait_until


@pytest.fixture
def environment() -> dict[str, str]:
    return clean_environment()


def run(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=90, check=False
    )


def test_help_describes_the_program(environment: dict[str, str], tmp_path: Path) -> None:
    ended = run(environment, tmp_path, "--help")
    assert ended.returncode == 0
    assert "python -m app" in ended.stdout


def test_wrong_settings_are_sentences_and_exit_2(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= {"LMS_PORT": "many", "LMS_PROT": "1"}
    del environment["LMS_JWT_SECRET"]
    ended = run(environment, tmp_path)
    assert ended.returncode == 2
    assert [line.split()[0] for line in ended.stderr.splitlines()] == [
        "LMS_PROT",
        "LMS_PORT",
        "LMS_JWT_SECRET",
    ]


def test_an_interrupted_wait_for_the_database_is_one_sentence(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"MONGODB_URL": f"mongodb://127.0.0.1:{free_port()}/lms", "LMS_DATABASE_SECONDS": "0.2"}
    log = tmp_path / "log"
    app = Program([sys.executable, "-m", "app"], log, environment, tmp_path)
    app.ready(lambda: "Waiting for the database" in log.read_text())
    os.kill(app.pid, signal.SIGINT)
    assert app.wait() == 130
    assert log.read_text().splitlines()[-1] == "Interrupted while waiting for the database."


def test_wrong_telemetry_settings_exit_2(environment: dict[str, str], tmp_path: Path) -> None:
    ended = run(environment | {"TELEMETRY_LOG_LEVEL": "loud"}, tmp_path)
    assert ended.returncode == 2
    assert "TELEMETRY_LOG_LEVEL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_mistake_in_the_rate_limits_is_a_sentence_and_exit_2(
    environment: dict[str, str], tmp_path: Path
) -> None:
    rules = tmp_path / "limits.yml"
    rules.write_text("rules:\n  - name: one\n    scope: ip\n    limits: [{limit: 5, window: soon}]\n")
    ended = run(environment | {"LMS_RATE_LIMITS": str(rules)}, tmp_path)
    assert ended.returncode == 2
    assert ended.stderr == (
        "limits.yml line 4: rules[0].limits[0].window (rule one): 'soon' is not a window; "
        "write 30s, 15m, 1h or at most 1d.\n"
    )


def test_a_missing_database_is_waited_for_and_then_reported(
    environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    environment |= {
        "MONGODB_URL": f"mongodb://user:secret@127.0.0.1:{port}/lms",
        "LMS_STARTUP_SECONDS": "3",
        "LMS_DATABASE_SECONDS": "1",
    }
    ended = run(environment, tmp_path)
    *progress, last = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert last == f"The database at 127.0.0.1:{port} did not answer within 3 s; see MONGODB_URL."
    assert progress
    assert all(line.startswith("Waiting for the database") for line in progress)
    assert "secret" not in ended.stderr


def test_a_refused_login_is_reported(environment: dict[str, str], tmp_path: Path, mongodb_url: str) -> None:
    login, _, rest = mongodb_url.partition("@")
    if not rest:
        pytest.skip("the database of TEST_MONGODB_URL asks for no password")
    environment |= {"MONGODB_URL": f"{login.rpartition(':')[0]}:wrong@{rest}", "LMS_STARTUP_SECONDS": "30"}
    ended = run(environment, tmp_path)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.endswith("rejected the connection (authentication failed); see MONGODB_URL.")


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, mongodb_url: str, redis_url: str
) -> Iterator[tuple[Program, str, Path]]:
    """The platform in two processes, configured by a .env file; the last test ends it."""
    folder = tmp_path_factory.mktemp("served")
    with served_platform(folder, mongodb_url, redis_url, {"LMS_WORKERS": "2"}) as served:
        yield served


@contextmanager
def halted(process: psutil.Process) -> Iterator[None]:
    """Stops this process within the block, so that another one that shares its socket accepts connections."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_a_changed_log_level_reaches_every_worker(served: tuple[Program, str, Path]) -> None:
    program, url, _ = served
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    token = httpx.post(f"{url}/api/v1/auth/login", json=login, timeout=20).json()["access_token"]
    signed = {"Authorization": f"Bearer {token}"}
    monitoring = f"{url}/api/v1/monitoring"

    each_time_a_new_one = httpx.Limits(max_keepalive_connections=0)  # connection, for who is not halted
    with httpx.Client(headers=signed, timeout=20, limits=each_time_a_new_one) as client:

        def told(path: str) -> list[Any]:
            """Returns what is answered while each of the program's processes in turn is halted."""
            answers = []
            for process in psutil.Process(program.pid).children():
                with halted(process):
                    answers.append(client.get(f"{monitoring}{path}").json())
            return answers

        assert len({answer["instance"] for answer in told("/telemetry")}) == 2
        change = {"level": "debug", "seconds": 600}
        answer = client.put(f"{monitoring}/log-levels/users", json=change)
        assert answer.json()["everywhere"] is True
        wait_until(lambda: all(told("/log-levels")), "both workers have changed the level")


def test_endless_headers_are_refused_while_they_are_sent(served: tuple[Program, str, Path]) -> None:
    _, url, _ = served
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "headers_too_large"


def test_it_serves_until_a_signal(served: tuple[Program, str, Path]) -> None:
    program, url, log = served
    login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    answer = httpx.post(f"{url}/api/v1/auth/login", json=login, timeout=20)
    assert answer.status_code == 200
    request_id = answer.headers["x-request-id"]
    started = time.monotonic()
    os.kill(program.pid, signal.SIGTERM)
    assert program.wait() in {0, -signal.SIGTERM}
    assert time.monotonic() - started < 30
    written = log.read_text()
    assert "Traceback" not in written
    lines = [json.loads(line) for line in written.splitlines() if request_id in line]
    assert {line["service.version"] for line in lines} == {VERSION}


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
