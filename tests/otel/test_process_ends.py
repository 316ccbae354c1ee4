"""Whichever way a process ends, what it had to send arrives, once, and its exit status is its own."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.otel.processes import running
from tests.otel.receiver import black_hole, refusing_port

WAITING = {
    "a thread's event": "import threading\nready()\nthreading.Event().wait()",
    "an event loop": """
import asyncio
async def main():
    ready()
    await asyncio.Event().wait()
asyncio.run(main())""",
    "another event loop": """
import asyncio, uvloop
async def main():
    ready()
    await asyncio.Event().wait()
uvloop.run(main())""",
    "a read": "ready()\nos.read(os.pipe()[0], 1)",
    "a lock that the end needs": """
import signal
telemetry = otel.setup.active()
with telemetry._parts.spans.account.lock:
    ready()
    signal.pause()
import threading
threading.Event().wait()""",
}


@pytest.mark.parametrize(
    ("waiting", "number"),
    [*((waiting, signal.SIGTERM) for waiting in WAITING), ("a read", signal.SIGHUP)],
)
def test_a_signal_that_nobody_handles_ends_a_script_as_before(
    tmp_path: Path, waiting: str, number: signal.Signals
) -> None:
    program = f'start()\nleave("job")\n{WAITING[waiting]}\n'
    with running(tmp_path, program, TELEMETRY_SHUTDOWN_SECONDS="8") as service:
        service.wait_until_ready()
        assert service.end(number) == -number
        service.left().assert_each_once("job")


OWN = """
import signal, threading
asked = threading.Event()
def own(number, frame):
    asked.set()
def take():
    signal.signal(signal.SIGTERM, own)
"""


@pytest.mark.parametrize("order", ["take(); start()", "start(); take()"])
def test_a_handler_of_the_application_stays(tmp_path: Path, order: str) -> None:
    program = f'{OWN}\n{order}\nleave("job")\nready()\nasked.wait()\nleave("last")\nsys.exit(5)\n'
    with running(tmp_path, program) as service:
        service.wait_until_ready()
        assert service.end(signal.SIGTERM) == 5
        service.left().assert_each_once("job", "last")


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(4)", "raise RuntimeError('unhandled')", "threading.Thread(target=leave_and_exit).start()"],
)
def test_the_end_of_the_main_thread_is_the_end(tmp_path: Path, end: str) -> None:
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
        assert service.end() == expected, service.said
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


def test_a_start_in_another_thread_takes_no_signal(tmp_path: Path) -> None:
    program = """
import signal, threading
starting = threading.Thread(target=start)
starting.start()
starting.join()
leave("job")
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""
    with running(tmp_path, program) as service:
        assert service.end() == 0, service.said
        service.left().assert_each_once("job")


def test_the_first_process_of_a_container_goes_on_as_before(tmp_path: Path) -> None:
    # The kernel does not end it by a signal's default action, whose handler must not end the telemetry, then.
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
        assert service.end() == 0, service.said
        service.left().assert_each_once("job", "after")


@pytest.mark.parametrize("dead", [refusing_port, black_hole], ids=["refuses", "never answers"])
@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=["exit", "SIGTERM"])
def test_what_could_not_leave_is_counted_in_the_last_line(
    tmp_path: Path, dead: object, number: signal.Signals | None
) -> None:
    wait = "" if number is None else "import threading\nready()\nthreading.Event().wait()"
    with dead() as url:  # type: ignore[operator]  # one of the two above
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "TELEMETRY_SHUTDOWN_SECONDS": "4", "SENTRY_DSN": ""}
        with running(tmp_path, f'start()\nleave("job")\n{wait}\n', **environ) as service:
            if number is not None:
                service.wait_until_ready()
            assert service.end(number) == (0 if number is None else -number)
            [last] = [event for event in service.events if "did not end in time" in event]
    assert "'traces': 1" in last
    assert service.events[0] == "job"
