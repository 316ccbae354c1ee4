"""The log stream: whole lines, many of them in one system call.

In a busy service a call per line costs more than rendering the line: it releases the interpreter lock and
waits behind other threads to get it back. So a line may wait briefly for others, unless it is urgent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

from otel.metrics.self import RECORDS_HELD_BACK

_MOST_WAITING: Final = 256 * 1024
_USUAL_LENGTH: Final = 512
_UNWRITTEN: Final = RECORDS_HELD_BACK.with_attributes({"reason": "stream"})
_LONGEST_HOLD: Final = 1.0  # seconds, for a stream that is not read

Line = str | Callable[[], str]
"""A line with its newline, or a function that renders it when it is written, in whatever thread."""


class LineWriter:
    """Writes whole lines to `stream` in the order of the calls.

    A non-urgent line waits at most `delay` seconds, along with those after it; an urgent line, or more than
    256 KiB, is written at once with everything waiting. Without a delay, or if the stream is a terminal or
    not a file, nothing waits. Thread-safe. Killing the process loses the waiting lines.
    """

    def __init__(self, stream: TextIO, delay: float = 0.0) -> None:
        self._stream = stream
        self._delay = delay if delay > 0 and _is_file(stream) else 0.0
        self.restart()

    def restart(self) -> None:
        """Resets the writer, as a forked child must: the parent writes the waiting lines."""
        self._waiting: list[Line] = []
        self._size = 0
        # Reentrant, because a signal handler may log while its thread does.
        self._lock, self._order = threading.RLock(), threading.RLock()
        self._ready = threading.Condition(self._lock)
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self) -> None:
        """Blocks writes until `release`: a fork in mid-write would leave half a line to the child."""
        self._order.acquire(timeout=_LONGEST_HOLD)

    def release(self) -> None:
        """Ends `hold`."""
        with suppress(RuntimeError):  # not held: another write took longer than `hold` waits
            self._order.release()

    @property
    def waits(self) -> bool:
        """Whether a non-urgent line may wait for others."""
        return self._delay > 0 and not self._closed.is_set()

    def write(self, line: Line, *, urgent: bool) -> None:
        """Takes one line.

        Raises:
            OSError: The stream is broken; the line and all waiting ones are lost.
            ValueError: The stream is closed.
        """
        with self._lock:
            now = urgent or not self._delay or self._size > _MOST_WAITING or self._closed.is_set()
            if not self._waiting and not now:
                self._wake()
            self._waiting.append(line)
            self._size += len(line) if isinstance(line, str) else _USUAL_LENGTH
        if now:
            self.flush()

    def flush(self) -> None:
        """Writes the waiting lines.

        Raises:
            OSError: The stream is broken; the waiting lines are lost.
            ValueError: The stream is closed.
        """
        with self._order:
            with self._lock:
                lines, self._waiting, self._size = self._waiting, [], 0
            if lines:
                self._write_now(lines)

    def _write_now(self, lines: list[Line]) -> None:
        text = "".join(line if isinstance(line, str) else line() for line in lines)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            _UNWRITTEN.add(len(lines))
            raise

    def close(self) -> None:
        """Writes the waiting lines and stops the thread; later lines are written at once."""
        self._closed.set()
        with self._ready:
            self._ready.notify()
        self.flush()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="otel-stream", daemon=True)
            self._thread.start()
        self._ready.notify()

    def _work(self) -> None:
        while not self._closed.is_set():
            with self._ready:
                while not self._waiting and not self._closed.is_set():
                    self._ready.wait()
            self._closed.wait(self._delay)
            try:
                self.flush()
            except (OSError, ValueError):
                # A broken stream stays broken: the next caller writes its own line and reports the failure.
                self._delay = 0.0
                return


def _is_file(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return not stream.isatty()
