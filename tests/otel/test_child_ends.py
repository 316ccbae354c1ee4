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


def test_a_fork_amid_a_write_leaves_its_half_to_nobody(tmp_path: Path) -> None:
    program = """
import select, threading
reader, writer = os.pipe()
sys.stdout = open(writer, "w")
start()
for number in range(500):  # more than a pipe holds, less than lines may wait
    otel.get_logger("access").info("line", number=number, filling="." * 50)
writing = threading.Thread(target=otel.get_logger("access").warning, args=("last",))
writing.start()
while select.select([], [writer], [], 0)[1]:
    pass  # until the pipe is full, amid the write
forking, text = threading.Event(), []
def read():
    forking.wait()
    while part := os.read(reader, 65536):
        text.append(part)
reading = threading.Thread(target=read)
reading.start()
os.register_at_fork(before=forking.set)
child = os.fork()
if child == 0:
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
writing.join()
sys.stdout.close()
reading.join()
lines = b"".join(text).splitlines()
assert len(lines) == len(set(lines)) == 501, (len(lines), len(set(lines)))
"""
    environ = {"OTEL_LOGS_EXPORTER": "none", "TELEMETRY_LOG_BURST": "0"}
    with running(tmp_path, program, **environ) as service:
        assert service.end() == 0, service.said
