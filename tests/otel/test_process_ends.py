"""However a process ends, its telemetry arrives once, and its exit status is unchanged."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.otel.processes import running
from tests.otel.receiver import black_hole, refusing_port

SCRIPT = """
import asyncio, json, select, signal, uvloop

async def wait_in_a_loop():
    ready_in_child()
    while True:  # for the reason given at `wait_for_a_signal`
        await asyncio.sleep(0.2)

def a_thread_waits():
    ready_in_child()
    wait_for_a_signal()

def a_read_waits():
    ready_in_child()
    silent = os.pipe()[0]
    wait_for_a_signal(lambda seconds: select.select([silent], [], [], seconds))

def a_loop_waits():
    asyncio.run(wait_in_a_loop())

def another_loop_waits():
    uvloop.run(wait_in_a_loop())

def a_lock_is_held():
    with telemetry._parts.spans.account.lock:  # which the shutdown needs
        ready_in_child()
        while signal.SIG_DFL not in (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)):
            pass  # until the handler has run
    wait_for_a_signal()

def ready_in_child():
    os.write(told, b"!")

telemetry = start()
statuses = {}
for wait in (a_thread_waits, a_read_waits, a_loop_waits, another_loop_waits, a_lock_is_held):
    for number in (signal.SIGTERM, signal.SIGHUP):
        heard, told = os.pipe()
        child = os.fork()
        if child == 0:
            leave(f"{wait.__name__} {number}")
            wait()
        os.read(heard, 1)
        os.kill(child, number)
        statuses[f"{wait.__name__} {number}"] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(statuses), file=sys.stderr, flush=True)
leave("itself")
ready()
wait_for_a_signal()
"""


def test_an_unhandled_signal_ends_a_process_as_before(tmp_path: Path) -> None:
    with running(tmp_path, SCRIPT, TELEMETRY_SHUTDOWN_SECONDS="8") as service:
        service.wait_until_ready()
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
        [line] = [line for line in service.stderr.splitlines() if line.startswith("{")]
        statuses = json.loads(line)
        service.left().assert_of("itself", *statuses)
    assert len(statuses) == 10
    assert {name: -int(name.split()[1]) for name in statuses} == statuses


OWN = """
import signal, threading
asked = threading.Event()
def own(number, frame):
    asked.set()
def take():
    signal.signal(signal.SIGTERM, own)
"""


@pytest.mark.parametrize("order", ["take(); start()", "start(); take()"])
def test_the_applications_signal_handler_is_kept(tmp_path: Path, order: str) -> None:
    waits = "while not asked.wait(0.2): pass"
    program = f'{OWN}\n{order}\nleave("job")\nready()\n{waits}\nleave("last")\nsys.exit(5)\n'
    with running(tmp_path, program) as service:
        service.wait_until_ready()
        assert service.end(signal.SIGTERM) == 5
        service.left().assert_each_once("job", "last")


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(4)", "raise RuntimeError('unhandled')", "threading.Thread(target=leave_and_exit).start()"],
)
def test_the_end_of_the_main_thread_sends_everything(tmp_path: Path, end: str) -> None:
    program = f"""
import threading
def leave_and_exit():
    leave("in a thread")
    sys.exit(9)  # ends the thread alone
start()
leave("job")
{end}
"""
    expected = 4 if "sys.exit(4)" in end else 1 if "raise" in end else 0
    with running(tmp_path, program) as service:
        assert service.end() == expected, service.stderr
        service.left().assert_each_once("job", *(["in a thread"] if "thread" in end else []))


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    program = """
import signal, threading
signal.signal(signal.SIGHUP, signal.SIG_IGN)
start()
signal.raise_signal(signal.SIGHUP)
leave("job")
"""
    with running(tmp_path, program) as service:
        assert service.end() == 0
        service.left().assert_each_once("job")


def test_a_start_in_another_thread_installs_no_signal_handler(tmp_path: Path) -> None:
    program = """
import signal, threading
starting = threading.Thread(target=start)
starting.start()
starting.join()
leave("job")
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""
    with running(tmp_path, program) as service:
        assert service.end() == 0, service.stderr
        service.left().assert_each_once("job")


def test_the_first_process_of_a_container_keeps_running(tmp_path: Path) -> None:
    # The kernel ignores default signal actions for PID 1, so our handler must not shut telemetry down there.
    program = """
import signal
start()
leave("job")
own, os.getpid = os.getpid, lambda: 1
signal.raise_signal(signal.SIGTERM)
os.getpid = own
ready()
leave("after")
"""
    with running(tmp_path, program) as service:
        assert service.end() == 0, service.stderr
        service.left().assert_each_once("job", "after")


@pytest.mark.parametrize(
    ("dead", "number"), [(refusing_port, None), (black_hole, signal.SIGTERM)], ids=["exit", "SIGTERM"]
)
def test_what_could_not_be_exported_is_counted_in_the_last_line(
    tmp_path: Path, dead: Callable[[], AbstractContextManager[str]], number: signal.Signals | None
) -> None:
    wait = "" if number is None else "ready()\nwait_for_a_signal()"
    with dead() as url:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "TELEMETRY_SHUTDOWN_SECONDS": "4", "SENTRY_DSN": ""}
        with running(tmp_path, f'start()\nleave("job")\n{wait}\n', **environ) as service:
            if number is not None:
                service.wait_until_ready()
            assert service.end(number) == (0 if number is None else -number)
            [last] = [event for event in service.events if "not fully exported at shutdown" in event]
    assert "'traces': 1" in last
    assert service.events[0] == "job"
