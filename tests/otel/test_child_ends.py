"""What a forked child had to send arrives, once, however it ends; so does what its parent had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.otel.processes import running

CHILDREN = {
    "a process": """
    child = multiprocessing.get_context("fork").Process(target=leave, args=("child",))
    child.start()
    child.join()
    assert child.exitcode == 0
""",
    "a process that fails": """
    child = multiprocessing.get_context("fork").Process(target=leave_and, args=(1 // 1, fail))
    child.start()
    child.join()
    assert child.exitcode == 1
""",
    "a process that exits": """
    child = multiprocessing.get_context("fork").Process(target=leave_and, args=(7, sys.exit))
    child.start()
    child.join()
    assert child.exitcode == 7
""",
    "a process that is terminated": """
    started = multiprocessing.get_context("fork").Event()
    child = multiprocessing.get_context("fork").Process(target=leave_and, args=(started, set_and_wait))
    child.start()
    started.wait()
    child.terminate()
    child.join()
    assert child.exitcode == -signal.SIGTERM
""",
    "a daemon process": """
    started = multiprocessing.get_context("fork").Event()
    child = multiprocessing.get_context("fork").Process(
        target=leave_and, args=(started, set_and_wait), daemon=True)
    child.start()
    started.wait()
""",
    "a pool that is closed": """
    pool = multiprocessing.get_context("fork").Pool(1)
    pool.map(leave, ["child"])
    pool.close()
    pool.join()
""",
    "a pool that is left": """
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.map(leave, ["child"])
""",
    "an executor": """
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        list(executor.map(leave, ["child"]))
""",
    "a grandchild": """
    child = multiprocessing.get_context("fork").Process(target=leave_by_child)
    child.start()
    child.join()
    assert child.exitcode == 0
""",
    "a child of os.fork that exits": """
    child = os.fork()
    if child == 0:
        leave("child")
        sys.exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
""",
}
PARENT = """
import concurrent.futures, multiprocessing, signal, threading

def fail(_):
    raise RuntimeError("the child fails")

def set_and_wait(started):
    started.set()
    threading.Event().wait()

def leave_and(value, then):
    leave("child")
    then(value)

def leave_by_child():
    child = multiprocessing.get_context("fork").Process(target=leave, args=("child",))
    child.start()
    child.join()
    assert child.exitcode == 0

if __name__ == "__main__":
    start()
    leave("before")
"""


@pytest.mark.parametrize("child", CHILDREN)
def test_a_forked_child_sends_its_own_and_its_parent_the_rest(tmp_path: Path, child: str) -> None:
    with running(tmp_path, PARENT + CHILDREN[child] + '    leave("after")\n') as service:
        assert service.end() == 0, service.said
        service.left().assert_each_once("before", "child", "after")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_child_that_begins_anew_sends_its_own(tmp_path: Path, method: str) -> None:
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
        assert service.end() == 0, service.said
        service.left().assert_each_once("child")
