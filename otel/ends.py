"""Process exit and fork: flushes queued telemetry however the process exits.

- Interpreter exit: `atexit`, also after an unhandled exception or a crash during an app's startup.
- SIGTERM and SIGHUP, where nobody else handles them. A server such as uvicorn or gunicorn handles the signal
  itself; one that re-raises it after shutting down, as uvicorn does, gets here after its last request.
- A child of `multiprocessing` or `concurrent.futures`, which exits by `os._exit`, without `atexit`.

Nothing runs on SIGKILL or when the application calls `os._exit`: call `Telemetry.shutdown` before that.
"""

from __future__ import annotations

import _thread
import atexit
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Final, Protocol

_log = logging.getLogger(__name__)

Task = Callable[[float], bool]
"""Takes its time limit in seconds; returns whether it finished its work."""

# The share of TELEMETRY_SHUTDOWN_SECONDS for flush and shutdown together. The rest is for uvicorn and for the
# interpreter, which exits after us: half a second of CPU, two seconds on a busy machine.
_SHARE: Final = 0.5
UNDOING_SHARE: Final = 0.2
"""The share of TELEMETRY_SHUTDOWN_SECONDS for the cleanup after the last export, which takes milliseconds."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_INIT: Final = 1
_AFTER_QUEUES: Final = -100  # multiprocessing's own finalizers, such as a queue's, use -5 and above


class Ending(Protocol):
    """What is flushed and shut down when the process exits."""

    @property
    def shutdown_seconds(self) -> float:
        """The longest that the shutdown may take."""
        ...

    def flush(self, seconds: float) -> bool:
        """Exports what is queued."""
        ...

    def shutdown(self, seconds: float) -> object:
        """Exports what is queued and shuts down; a second call does nothing."""
        ...


_ending: Ending | None = None
_spent = 0.0
_is_hooked = False


def end_with_process(ending: Ending) -> None:
    """Shuts `ending` down when this process, or any child that it forks, exits; replaces an earlier one.

    Signal handlers are installed only from the main thread, and only in place of the default action. The
    handler then exits by that action, so the exit status stays the same.
    """
    global _ending  # noqa: PLW0603 - a process ends once
    _ending = ending
    _hook_multiprocessing()
    _take_signals()


def flush_early() -> None:
    """Flushes while the event loop still runs; the time it takes is deducted from the shutdown's."""
    global _spent  # noqa: PLW0603 - a process ends once
    if _ending is not None:
        started = time.monotonic()
        _ending.flush(_seconds_left(_ending))
        _spent += time.monotonic() - started


def run_bounded(tasks: Mapping[str, Task], seconds: float) -> dict[str, bool]:
    """Runs all tasks at once, for at most `seconds`; False for one that failed or did not return in time.

    A task that hangs keeps its daemon thread, which does not delay the process's exit.
    """
    results: dict[str, bool] = {}
    threads = [
        threading.Thread(
            target=_run, args=(name, task, seconds, results), name=f"otel-end-{name}", daemon=True
        )
        for name, task in tasks.items()
    ]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return {name: results.get(name, False) for name in tasks}


def _run(name: str, task: Task, seconds: float, results: dict[str, bool]) -> None:
    try:
        results[name] = task(seconds)
    except Exception as error:  # noqa: BLE001 - one signal's failure must not stop the others
        _log.warning("%s did not shut down cleanly: %s", name, error)
        results[name] = False


def around_fork(
    in_child: Callable[[], None],
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
) -> None:
    """Calls the bound methods at every fork for as long as their object lives."""
    os.register_at_fork(
        before=_weakly(before), after_in_parent=_weakly(in_parent), after_in_child=_weakly(in_child)
    )


def _weakly(method: Callable[[], None] | None) -> Callable[[], None]:
    weak = (lambda: None) if method is None else weakref.WeakMethod(method)

    def call() -> None:
        if found := weak():
            found()

    return call


def _seconds_left(ending: Ending) -> float:
    return max(ending.shutdown_seconds * _SHARE - _spent, 0)


@atexit.register
def _end() -> None:
    if _ending is not None:
        _ending.shutdown(_seconds_left(_ending))


def _take_signals() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            with suppress(ValueError):  # the main thread of another interpreter in this process
                signal.signal(number, _end_by_signal)


def _end_by_signal(number: int, _frame: FrameType | None) -> None:
    """Exports what is queued, then ends the process by the signal's default action.

    It does so in a new thread: the interrupted code may hold a lock that the shutdown needs, so this handler
    returns after half of the time and lets it go on. `Thread.start` would take a lock of `threading`.
    """
    if os.getpid() == _INIT:
        flush_early()  # the kernel ignores the default action for a container's first process
        return
    signal.signal(number, signal.SIG_DFL)
    seconds = 0.0 if _ending is None else _seconds_left(_ending)
    try:
        _thread.start_new_thread(_end_and_die, (number, seconds))
    except RuntimeError:  # no new thread can be started
        os.kill(os.getpid(), number)
    threading.Event().wait(seconds / 2)


def _end_and_die(number: int, seconds: float) -> None:
    ending = _ending
    try:
        if ending is not None:
            limit = seconds + ending.shutdown_seconds * UNDOING_SHARE
            run_bounded({"telemetry": lambda _: bool(ending.shutdown(seconds))}, limit)
    finally:
        os.kill(os.getpid(), number)


def _prepare_child() -> None:
    global _spent  # noqa: PLW0603 - the child has its full time
    _spent = 0.0
    _hook_multiprocessing()


def _hook_multiprocessing() -> None:
    """Registers `_end` with multiprocessing, if loaded; children clear their finalizers after the fork."""
    global _is_hooked  # noqa: PLW0603 - a forked child inherits the registry
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return
    if not _is_hooked:
        _is_hooked = True
        util.register_after_fork(_end, _end_with_child)
    if process.parent_process() is not None:  # its after-fork hooks have run already
        _end_with_child(_end)


def _end_with_child(end: Callable[[], None]) -> None:
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, end, exitpriority=_AFTER_QUEUES)


os.register_at_fork(after_in_child=_prepare_child)
