"""The telemetry of a forked child arrives once, however the child ends, and so does that of its parent."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.otel.processes import Left, running

CHILDREN = """
import concurrent.futures, json, multiprocessing, signal, threading

fork = multiprocessing.get_context("fork")
statuses = {}

def process(name, target, *arguments, then=lambda child: None, **options):
    child = fork.Process(target=target, args=(name, *arguments), **options)
    child.start()
    then(child)
    child.join()
    statuses[name] = child.exitcode

def leave_and_fail(name):
    leave(name)
    raise RuntimeError("the child fails")

def leave_and_exit(name):
    leave(name)
    sys.exit(7)

def leave_and_wait(name, waiting):
    leave(name)
    waiting.set()
    wait_for_a_signal()

def leave_by_child(name):
    process(name, leave)

def terminated(name):
    waiting = fork.Event()
    def terminate(child):
        waiting.wait()
        child.terminate()
    process(name, leave_and_wait, waiting, then=terminate)

def forked(name):
    child = os.fork()
    if child == 0:
        leave(name)
        sys.exit(3)
    statuses[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def pooled(name):
    pool = fork.Pool(1)
    pool.map(leave, [name])
    pool.close()
    pool.join()

def pooled_and_left(name):
    with fork.Pool(1) as pool:  # which terminates its processes
        pool.map(leave, [name])

def executed(name):
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fork) as executor:
        list(executor.map(leave, [name]))

def left_to_the_end(name):
    waiting = fork.Event()
    fork.Process(target=leave_and_wait, args=(name, waiting), daemon=True).start()
    waiting.wait()

if __name__ == "__main__":
    start()
    leave("before")
    process("a process", leave)
    process("a process that fails", leave_and_fail)
    process("a process that exits", leave_and_exit)
    terminated("a process that is terminated")
    process("a grandchild", leave_by_child)
    forked("a child of os.fork that exits")
    pooled("a pool that is closed")
    pooled_and_left("a pool that is left")
    executed("an executor")
    left_to_the_end("a daemon process")
    leave("after")
    print(json.dumps(statuses), file=sys.stderr, flush=True)
"""
STATUSES = {
    "a process": 0,
    "a process that fails": 1,
    "a process that exits": 7,
    "a process that is terminated": -signal.SIGTERM,
    "a grandchild": 0,
    "a child of os.fork that exits": 3,
}
NAMES = [*STATUSES, "a pool that is closed", "a pool that is left", "an executor", "a daemon process"]


@dataclass
class Ended:
    """A parent that has exited, and what has arrived from it and its children."""

    status: int
    statuses: dict[str, int]
    left: Left


@pytest.fixture(name="ended", scope="module")
def _ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    with running(tmp_path_factory.mktemp("children"), CHILDREN) as service:
        status = service.end()
        [statuses] = [line for line in service.stderr.splitlines() if line.startswith("{")]
        return Ended(status, json.loads(statuses), service.left())


@pytest.mark.parametrize("name", NAMES)
def test_a_child_sends_its_own_telemetry(ended: Ended, name: str) -> None:
    ended.left.assert_of(name)


def test_the_parent_sends_its_own_telemetry_and_nothing_is_sent_twice(ended: Ended) -> None:
    assert ended.status == 0
    assert ended.left.spans.keys() == {"before", "after", *NAMES}
    ended.left.assert_of("before", "after", *NAMES)


def test_children_keep_their_exit_status(ended: Ended) -> None:
    assert ended.statuses == STATUSES


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_that_imports_the_program_again_sends_its_own_telemetry(tmp_path: Path, method: str) -> None:
    program = f"""
import multiprocessing
start()
if __name__ == "__main__":
    child = multiprocessing.get_context("{method}").Process(target=leave, args=("child",))
    child.start()
    child.join()
    assert child.exitcode == 0
"""
    with running(tmp_path, program) as service:
        assert service.end() == 0, service.stderr
        service.left().assert_each_once("child")
