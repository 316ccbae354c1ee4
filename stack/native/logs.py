"""`make logs` without Docker: prints the parts' output as it is written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import yaml

from stack.masking import Mask
from stack.native.supervisor import StackError

POLL_SECONDS = 0.3
SHOWN_LINES = 20


class Tail:
    """The end of one log file and whatever is appended to it, even across rotations."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        self._stream: TextIO | None = None

    def last(self, count: int) -> list[str]:
        """Returns the last lines and moves past them."""
        self._open()
        return list(deque(self._stream or (), maxlen=count))

    def new(self) -> Iterator[str]:
        """Yields the lines appended since the last call."""
        if self._stream is None:
            self._open()
        if self._stream is None:
            return
        yield from self._stream
        if self._rotated(self._stream):
            self._stream.close()
            self._open()

    def _open(self) -> None:
        """Opens the file, which does not exist before the part has written something."""
        try:
            self._stream = self._path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            self._stream = None

    def _rotated(self, stream: TextIO) -> bool:
        try:
            return self._path.stat().st_size < stream.tell()
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Closes the file."""
        if self._stream:
            self._stream.close()


def logs(folder: Path, part: str | None, *, follow: bool) -> None:
    """Prints the end of each part's log, or of one part's, and follows until interrupted.

    The secrets that the folder holds are masked: Alertmanager logs addresses, and some contain a token.

    Raises:
        StackError: there is no such log; the message lists the logs.
    """
    paths = sorted((folder / "logs").glob("*.log"))
    chosen = [path for path in paths if part in {None, path.stem}]
    if not chosen and part in _parts(folder):
        print(f"{part} has written nothing yet.", flush=True)
        chosen = [folder / "logs" / f"{part}.log"]
    if not chosen:
        names = ", ".join(path.stem for path in paths)
        raise StackError(
            f"There is no log of {part!r}: PART may be {names}" if paths else "There are no logs yet"
        )
    tails = [Tail(path) for path in chosen]
    try:
        _print(tails, Mask(folder.glob("etc/*/secrets/*")), follow=follow)
    finally:
        for tail in tails:
            tail.close()


def _parts(folder: Path) -> set[str]:
    configuration = folder / "etc" / "process-compose.yaml"
    return set(yaml.safe_load(configuration.read_text())["processes"]) if configuration.exists() else set()


def _print(tails: list[Tail], mask: Mask, *, follow: bool) -> None:
    width = max(len(tail.name) for tail in tails) if len(tails) > 1 else 0
    for tail in tails:
        _show(tail.name, width, map(mask, tail.last(SHOWN_LINES)))
    while follow:
        for tail in tails:
            _show(tail.name, width, map(mask, tail.new()))
        time.sleep(POLL_SECONDS)


def _show(name: str, width: int, lines: Iterator[str]) -> None:
    prefix = f"{name:<{width}} | " if width else ""
    for line in lines:
        print(f"{prefix}{line.rstrip()}", flush=True)
