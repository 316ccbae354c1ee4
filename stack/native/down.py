"""`make down` and `make clean` without Docker."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from stack.native.assemble import MARKER
from stack.native.lock import exclusive
from stack.native.supervisor import StackError, Supervisor


def down(folder: Path) -> None:
    """Stops every process of the folder's stack and keeps the data.

    Raises:
        StackError: a process survived SIGKILL, or another command is starting or stopping the stack.
    """
    if not Supervisor(folder).members():
        print("The stack is not running.")
        return
    with exclusive(folder):
        _stop(folder)


def _stop(folder: Path) -> None:
    supervisor = Supervisor(folder)
    print("Stopping the stack, in order.", flush=True)
    count = supervisor.stop(print)
    if left := supervisor.members():
        raise StackError(f"These processes could not be stopped: {', '.join(str(each.pid) for each in left)}")
    print(f"Stopped: none of {count} processes is left. The data stays in {folder}.")


def clean(folder: Path, volumes: Callable[[], None] | None, *, force: bool) -> None:
    """Prints what will be removed, asks for confirmation, stops the stack and removes its data folder.

    ``volumes`` stops a Docker stack and removes its volumes; None means the native stack.

    Raises:
        StackError: the folder is not the stack's, another command uses it, or there is no terminal to ask on.
    """
    if not folder.exists():
        print(f"There is nothing to remove: {folder} does not exist.")
        return
    if not (folder / MARKER).exists():
        raise StackError(f"{folder} was not made by this stack and is left alone: check STACK_DATA_DIR")
    megabytes = sum(_size(path) for path in folder.rglob("*")) >> 20
    print(f"This removes {folder} ({megabytes} MB): users, courses, all telemetry. .env and the tools stay.")
    if not force and not _confirmed():
        print("Nothing was removed.")
        return
    with exclusive(folder):
        if volumes:
            volumes()
        elif Supervisor(folder).members():
            _stop(folder)
        shutil.rmtree(folder)
    print(f"Removed {folder}.")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise StackError("There is no terminal to ask on: `make clean FORCE=1` removes it without asking")
    return input("Remove it? [y/N] ").strip().lower() in {"y", "yes"}
