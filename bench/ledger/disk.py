"""A small disk for the Collector's queues, where this user may mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MOUNT: Final = "/bin/mount"
UMOUNT: Final = "/bin/umount"


def can_mount(folder: Path) -> bool:
    """Returns whether this process may mount a file system: root with that capability, on Linux."""
    if os.geteuid() != 0:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [MOUNT, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    subprocess.run([UMOUNT, str(folder)], check=True)
    return True


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """Mounts a file system of that size on the folder and unmounts it afterwards.

    Raises:
        subprocess.CalledProcessError: this process may not mount; ask `can_mount` first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([UMOUNT, "--lazy", str(folder)], check=True)


def enlarge(folder: Path, mebibytes: int) -> None:
    """Frees space on the file system, as an operator would."""
    subprocess.run([MOUNT, "-o", f"remount,size={mebibytes}m", str(folder)], check=True)
