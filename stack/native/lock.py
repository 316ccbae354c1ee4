"""Allows one command at a time to start, stop or remove the stack of a data folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.native.supervisor import StackError


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Locks the data folder, which must exist, until the block or the process ends.

    Raises:
        StackError: another command holds the lock.
    """
    (folder / "run").mkdir(exist_ok=True)
    with (folder / "run" / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"Another command is starting, stopping or removing the stack in {folder}: wait for it"
            ) from None
        yield
