"""The real process-compose with small commands: start, crash, order, shutdown, leftovers."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from stack.native.session import Session
from stack.native.status import status
from stack.native.supervisor import StackError, Supervisor, child_environment
from stack.native.tools import tool_path
from tests.programs import wait_until

SLEEPER = {"entrypoint": ["/bin/sleep", "600"], "shutdown": {"timeout_seconds": 3}}


class Started:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.supervisor = Supervisor(folder)

    def start(self, **processes: dict[str, Any]) -> Supervisor:
        (self.folder / "logs").mkdir(exist_ok=True)
        config = self.folder / "config.yaml"
        config.write_text(yaml.safe_dump({"version": "0.5", "processes": processes}))
        self.supervisor.start(tool_path("process-compose"), config, os.environ)
        return self.supervisor


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    start = Started(tmp_path)
    yield start
    start.supervisor.stop(lambda _: None)


def running(supervisor: Supervisor, *names: str) -> bool:
    states = supervisor.states()
    return all(states[name].status == "Running" for name in names)


def test_stop_leaves_no_process_and_no_file(started: Started) -> None:
    supervisor = started.start(one=SLEEPER, two=SLEEPER)
    wait_until(lambda: running(supervisor, "one", "two"), "both run")
    pids = {process.pid for process in supervisor.members()}
    assert len(pids) == 3
    assert supervisor.stop(lambda _: None) == 3
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert not supervisor.running()
    assert list((started.folder / "run").iterdir()) == []


def test_another_supervisor_object_sees_what_is_running(started: Started) -> None:
    wait_until(lambda: running(started.start(one=SLEEPER), "one"), "it runs")
    other = Supervisor(started.folder)
    assert other.running()
    assert other.states()["one"].status == "Running"


def test_a_killed_supervisors_processes_are_found_and_stopped(started: Started) -> None:
    supervisor = started.start(one=SLEEPER)
    wait_until(lambda: running(supervisor, "one"), "it runs")
    child = supervisor.states()["one"].pid
    session = supervisor.session()
    assert session is not None
    os.kill(session.leader, signal.SIGKILL)
    wait_until(lambda: not supervisor.running(), "the supervisor has ended")
    assert [process.pid for process in supervisor.members()] == [child]
    supervisor.stop(lambda _: None)
    assert supervisor.members() == []
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def freeze(pid: int) -> None:
    """Stops a process; its threads may run on for a moment after the signal."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "the process is stopped")


def test_status_says_that_the_supervisor_is_gone_or_hangs(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = started.start(one=SLEEPER)
    wait_until(lambda: running(supervisor, "one"), "the part runs")
    session = supervisor.session()
    assert session is not None
    freeze(session.leader)
    assert not status(started.folder)
    assert "The supervisor of 2 processes does not answer" in capsys.readouterr().out
    os.kill(session.leader, signal.SIGKILL)
    wait_until(lambda: not supervisor.running(), "the supervisor is gone")
    assert not status(started.folder)
    said = capsys.readouterr().out
    assert "The supervisor is gone" in said
    assert "1 processes of the stack run on" in said
    assert "`make up` stops them" in said
    supervisor.stop(lambda _: None)
    assert not status(started.folder)
    assert "The stack does not run" in capsys.readouterr().out


def test_a_process_that_ignores_the_signal_is_killed_after_its_timeout(started: Started) -> None:
    deaf = {"entrypoint": ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]}
    supervisor = started.start(deaf=deaf | {"ready_log_line": "deaf", "shutdown": {"timeout_seconds": 1}})
    wait_until(lambda: supervisor.states()["deaf"].ready, "it is ready")
    begun = time.monotonic()
    supervisor.stop(lambda _: None)
    assert supervisor.members() == []
    assert time.monotonic() - begun < 15


def test_a_supervisor_that_outlives_its_parts_is_not_waited_for(started: Started) -> None:
    supervisor = started.start(one=SLEEPER)
    wait_until(lambda: running(supervisor, "one"), "it runs")
    child, session = supervisor.states()["one"].pid, supervisor.session()
    assert session is not None
    freeze(session.leader)  # as process-compose hangs after an interrupted start
    os.kill(child, signal.SIGKILL)
    begun = time.monotonic()
    killed: list[str] = []
    supervisor.stop(killed.append)
    assert supervisor.members() == []
    assert f"(pid {session.leader})" in killed[0]
    assert time.monotonic() - begun < 30


def test_dependants_stop_before_their_dependencies(started: Started, tmp_path: Path) -> None:
    note = tmp_path / "order"
    script = "trap 'echo {0} >> {1}; exit 0' TERM; echo up; while :; do sleep 0.05; done"

    def part(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
        command = ["/bin/sh", "-c", script.format(name, note)]
        return {"entrypoint": command, "ready_log_line": "up", "shutdown": {"timeout_seconds": 5}, **more}

    supervisor = started.start(
        store=part("store"), app=part("app", depends_on={"store": {"condition": "process_log_ready"}})
    )
    wait_until(lambda: supervisor.states()["app"].ready, "it is ready")
    supervisor.stop(lambda _: None)
    assert note.read_text().split() == ["app", "store"]


def test_a_crashing_part_is_restarted_and_its_last_output_is_kept(started: Started) -> None:
    supervisor = started.start(
        bad={
            "entrypoint": ["/bin/sh", "-c", "echo the reason >&2; exit 3"],
            "availability": {"restart": "always", "backoff_seconds": 1},
        }
    )
    wait_until(lambda: supervisor.states()["bad"].restarts >= 1, "it is restarted")
    assert supervisor.states()["bad"].exit_code == 3
    assert supervisor.last_lines("bad", 1) == ["the reason"]


def test_a_part_can_be_stopped_and_started(started: Started) -> None:
    supervisor = started.start(
        one=SLEEPER, two=SLEEPER
    )  # with nothing left to run, the supervisor would exit
    wait_until(lambda: running(supervisor, "one", "two"), "both run")
    supervisor.stop_part("one")
    wait_until(lambda: supervisor.states()["one"].status == "Completed", "it has stopped")
    supervisor.start_part("one")
    wait_until(lambda: running(supervisor, "one"), "it runs")


def test_an_unknown_part_is_rejected(started: Started) -> None:
    with pytest.raises(StackError, match="no such process"):
        started.start(one=SLEEPER).start_part("nonsense")


def test_a_supervisor_that_cannot_start_says_why(started: Started) -> None:
    with pytest.raises(StackError, match="did not start"):
        started.start(
            one={"entrypoint": ["/bin/true"], "depends_on": {"none": {"condition": "process_started"}}}
        )


def test_only_the_owner_can_reach_the_socket_and_nothing_listens_on_a_port(started: Started) -> None:
    supervisor = started.start(one=SLEEPER)
    assert stat.S_IMODE(supervisor.socket.parent.stat().st_mode) == 0o700
    listening = [each for process in supervisor.members() for each in process.net_connections(kind="inet")]
    assert listening == []


def test_a_long_folder_path_gets_a_short_socket_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    start = Started(folder)
    try:
        assert len(str(start.start(one=SLEEPER).socket)) < 108
    finally:
        start.supervisor.stop(lambda _: None)
        start.supervisor.socket.parent.rmdir()


def test_parts_inherit_only_a_few_variables_from_the_shell(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMS_JWT_SECRET", "planted")
    supervisor = started.start(one=SLEEPER)
    wait_until(lambda: running(supervisor, "one"), "it runs")
    assert "planted" not in psutil.Process(supervisor.states()["one"].pid).environ().values()


def test_loopback_bypasses_the_proxy() -> None:
    found = child_environment({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet"})
    assert found["NO_PROXY"] == found["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert "NO_PROXY" not in child_environment({"PATH": "/bin"})


def test_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = Session(leader=os.getsid(0), started=time.time() + 1000, boot=Session.of(os.getpid()).boot)
    (tmp_path / "run").mkdir()
    stranger.save(tmp_path / "run" / "session.json")
    assert Supervisor(tmp_path).members() == []
    assert not Supervisor(tmp_path).running()


def test_a_record_from_before_a_reboot_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    Session(leader=os.getpid(), started=0.0, boot="another boot").save(path)
    assert Session.load(path) is None
    path.write_text("{broken")
    assert Session.load(path) is None
