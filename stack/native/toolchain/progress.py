"""Shows the progress of a build: a live line per tool on a terminal, plain lines elsewhere."""

import sys
import time
from threading import Lock
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_PLAIN_EVERY_SECONDS = 30
_ALMOST = 0.97


class Board:
    """Progress of several tools, written to standard error; safe to call from several threads.

    A tool's bar follows the time that its build usually takes, because Go does not report how much is
    left. Use it as a context manager: it restores the terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal
        self._lock = Lock()
        self._started: dict[str, float] = {}
        self._printed: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._console,
        )

    def __enter__(self) -> Self:
        if self._live:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._progress.stop()

    def note(self, sentence: str) -> None:
        """Prints one sentence."""
        self._console.print(sentence, markup=False, soft_wrap=True)
        sys.stderr.flush()

    def started(self, name: str, expected_seconds: float) -> None:
        """Shows that work on the tool has started."""
        with self._lock:
            self._started[name] = self._printed[name] = time.monotonic()
        if self._live:
            self._tasks[name] = self._progress.add_task(name, total=expected_seconds, detail="")
        else:
            self.note(f"{name}: started, about {expected_seconds:.0f} s")

    def working(self, name: str, detail: str) -> None:
        """Advances the tool's bar; `detail` describes the current step in a few words."""
        elapsed = time.monotonic() - self._started[name]
        if self._live:
            task = self._tasks[name]
            total = self._progress.tasks[task].total or 1.0
            self._progress.update(task, completed=min(elapsed, total * _ALMOST), detail=detail)
        elif time.monotonic() - self._printed[name] >= _PLAIN_EVERY_SECONDS:
            self._printed[name] = time.monotonic()
            self.note(f"{name}: {elapsed:.0f} s, {detail}")

    def finished(self, name: str, result: str) -> None:
        """Shows that the tool is done; `result` is the outcome."""
        if self._live:
            task = self._tasks[name]
            total = self._progress.tasks[task].total
            self._progress.update(task, completed=total, detail=result)
            self._progress.stop_task(task)
        else:
            self.note(f"{name}: done in {time.monotonic() - self._started[name]:.0f} s, {result}")
