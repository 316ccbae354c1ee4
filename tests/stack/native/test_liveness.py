"""A part that stops answering is killed with all its processes and starts again; a slow one is left alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from stack.native.liveness import FILE, Question, document, question
from stack.native.session import kill
from stack.native.supervisor import State, Supervisor
from stack.native.tools import tool_path
from tests.backends import DatabaseServer, RedisServer
from tests.programs import free_port, wait_until

# Answers each connection with a byte; with a second argument, only after that many seconds.
SERVER = """
import socket, sys, time
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listening.accept()
    time.sleep(float(sys.argv[2]))
    connection.sendall(b"x")
    connection.close()
"""
# The part is only a parent: its child has a session of its own, as PostgreSQL's have.
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {SERVER!r}, *sys.argv[1:]], start_new_session=True)
"""
Start = Callable[..., Supervisor]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts parts under a supervisor that asks five times a second and kills after two failures, or six."""
    supervisor = Supervisor(tmp_path)

    def started(questions: list[Question], **processes: dict[str, Any]) -> Supervisor:
        (tmp_path / "logs").mkdir()
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump({"version": "0.5", "processes": processes}))
        plan = document(questions, period=0.2, answer=0.5, failures=2, first_failures=6)
        (tmp_path / FILE).write_text(plan, encoding="utf-8")
        supervisor.start(tool_path("process-compose"), config, os.environ)
        return supervisor

    yield started
    left = [child for each in supervisor.members() for child in each.children(recursive=True)]
    supervisor.stop(lambda _: None)
    kill(left, signal.SIGKILL)  # a child with a session of its own outlives its parent


def server(code: str, port: int, delay: float = 0.0) -> dict[str, Any]:
    return {
        "entrypoint": [sys.executable, "-c", code, str(port), str(delay)],
        "availability": {"restart": "always", "backoff_seconds": 1},
    }


def state(supervisor: Supervisor) -> State | None:
    return supervisor.states().get("part")


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"?")
            return connection.recv(1) == b"x"
    except OSError:
        return False


def asked(port: int) -> list[Question]:
    return [Question("part", port, b"?")]


@pytest.mark.parametrize("code", [SERVER, PARENT])
def test_a_stopped_part_is_killed_with_its_children_and_starts_again(start: Start, code: str) -> None:
    port = free_port()
    supervisor = start(asked(port), part=server(code, port))
    wait_until(lambda: answers(port), "the part answers")
    first = state(supervisor)
    assert first is not None
    main = psutil.Process(first.pid)
    family = [main, *main.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    wait_until(lambda: (now := state(supervisor)) and now.pid not in {0, first.pid}, "it has a new process")
    wait_until(lambda: answers(port), "the part answers again")
    assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    said = _log(supervisor)
    assert "Hangs: killed, to be restarted" in said
    assert "process=part" in said


def _log(supervisor: Supervisor) -> str:
    return re.sub(r"\x1b\[\d+m", "", supervisor.log.read_text())


def test_a_part_that_does_not_listen_yet_is_left_alone(start: Start) -> None:
    closed, port = free_port(), free_port()
    both = [Question("part", closed, b"?"), Question("other", port, b"?")]
    supervisor = start(both, part={"entrypoint": ["/bin/sleep", "600"]}, other=server(SERVER, port))
    wait_until(lambda: answers(port), "the other part answers")
    # The time in which it would have been killed.
    psutil.Process(supervisor.states()["other"].pid).send_signal(signal.SIGSTOP)
    wait_until(lambda: supervisor.states()["other"].restarts == 1, "the other part was killed")
    alone = state(supervisor)
    assert alone is not None
    assert alone.restarts == 0
    assert alone.status == "Running"


def test_a_part_that_listens_but_never_answers_is_killed(start: Start) -> None:
    port = free_port()
    supervisor = start(asked(port), part=server(SERVER, port, 600))
    wait_until(lambda: (now := state(supervisor)) and now.restarts >= 1, "the part was killed")


def test_the_parts_do_not_see_the_supervisors_own_variables(start: Start) -> None:
    port = free_port()
    supervisor = start(asked(port), part=server(SERVER, port))
    wait_until(lambda: answers(port), "the part answers")
    found = state(supervisor)
    assert found is not None
    assert [name for name in psutil.Process(found.pid).environ() if name.startswith("LIVENESS")] == []


def _answered(asking: Question) -> bool:
    with socket.create_connection(("127.0.0.1", asking.port), timeout=5) as connection:
        connection.sendall(asking.send)
        return len(connection.recv(1)) == 1


def test_redis_answers_without_its_password(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    try:
        assert _answered(question("redis", "redis", int(server.url.split(":")[2].split("/")[0]), "/"))
    finally:
        server.stop()


def test_the_databases_answer_without_a_login(tmp_path: Path) -> None:
    server = DatabaseServer(tmp_path)
    try:
        assert _answered(question("ferretdb", "mongodb", server._port, "/"))
        assert _answered(question("postgres", "postgres", server._postgres_port, "/"))
    finally:
        server.stop()
