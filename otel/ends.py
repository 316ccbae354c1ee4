"""The ends of a process, and its forks: whichever way a process goes, what waits leaves first.

- The interpreter's exit: `atexit`, also after an unhandled exception or a crash while an app starts.
- SIGTERM and SIGHUP where nobody else handles them. A server such as uvicorn or gunicorn takes the signal
  itself; one that gives it back when it has ended, as uvicorn does, comes here after its last request.
- A child of `multiprocessing` or `concurrent.futures`, which ends by `os._exit`, without `atexit`.

Nothing runs at a kill, nor at an `os._exit` of the application's own: call `Telemetry.shutdown` before that.
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
"""Takes the seconds that it may use and tells whether it finished its work."""

# The share of TELEMETRY_SHUTDOWN_SECONDS that flush and shutdown have together. The rest is left to uvicorn
# and to the interpreter, which ends after us: half a second of CPU, and two seconds on a busy machine.
_SHARE: Final = 0.5
UNDOING_SHARE: Final = 0.2
"""The share of TELEMETRY_SHUTDOWN_SECONDS for what follows the last export; it takes milliseconds."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_INIT: Final = 1
_AFTER_QUEUES: Final = -100  # multiprocessing's own finalizers, such as a queue's, have -5 and more


class Ending(Protocol):
    """What ends with the process."""

    @property
    def shutdown_seconds(self) -> float:
        """The longest that the end may take."""
        ...

    def flush(self, seconds: float) -> bool:
        """Sends what waits."""
        ...

    def shutdown(self, seconds: float) -> object:
        """Sends what waits and ends; a second call does nothing."""
        ...


_ending: Ending | None = None
_spent = 0.0
_is_hooked = False


def end_with_process(ending: Ending) -> None:
    """Ends `ending` with this process, and with every child that it forks, in place of an earlier one.

    A signal is only taken in the main thread, and only while its default action stands: the handler ends the
    process by that action, with the exit status that it gives.
    """
    global _ending  # noqa: PLW0603 - a process ends once
    _ending = ending
    _hook_multiprocessing()
    _take_signals()


def flush_early() -> None:
    """Sends what waits while an event loop still runs; the end has so much less time."""
    global _spent  # noqa: PLW0603 - a process ends once
    if _ending is not None:
        started = time.monotonic()
        _ending.flush(_seconds_left(_ending))
        _spent += time.monotonic() - started


def run_bounded(tasks: Mapping[str, Task], seconds: float) -> dict[str, bool]:
    """Runs all tasks at once, for `seconds` at most; False for one that failed or did not return in time.

    A task that hangs keeps a daemon thread, which does not hold up the end of the process.
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
    except Exception as error:  # noqa: BLE001 - one signal's failure must not cost the others theirs
        _log.warning("%s did not end cleanly: %s", name, error)
        results[name] = False


def around_fork(
    in_child: Callable[[], None],
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
) -> None:
    """Calls bound methods at every fork, for as long as their object lives."""
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
    """Sends what waits, and ends the process by the signal's default action.

    In a thread, for this one may have been interrupted while it held a lock that the end needs: after half
    of the time it goes on and frees it. Not by `Thread.start`, which takes a lock of the module.
    """
    if os.getpid() == _INIT:
        flush_early()  # the kernel does not end the first process of a container by a default action
        return
    signal.signal(number, signal.SIG_DFL)
    seconds = 0.0 if _ending is None else _seconds_left(_ending)
    try:
        _thread.start_new_thread(_end_and_die, (number, seconds))
    except RuntimeError:  # no thread can be made any more
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


def _begin_child() -> None:
    global _spent  # noqa: PLW0603 - the child has all of its time
    _spent = 0.0
    _hook_multiprocessing()


def _hook_multiprocessing() -> None:
    """Registers `_end` with multiprocessing, if the program uses it; it forks, and clears its finalizers."""
    global _is_hooked  # noqa: PLW0603 - a forked child inherits the registry
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return
    if not _is_hooked:
        _is_hooked = True
        util.register_after_fork(_end, _end_with_child)
    if process.parent_process() is not None:  # its hooks have run
        _end_with_child(_end)


def _end_with_child(end: Callable[[], None]) -> None:
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, end, exitpriority=_AFTER_QUEUES)


os.register_at_fork(after_in_child=_begin_child)
