"""The memory that a container may use (cgroup v2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
_V2: Final = "0::/"


class MemoryLimit(NamedTuple):
    """A limit and what is used of it, in bytes; cached files that can be dropped at once do not count."""

    used: int
    most: int


def memory_limit(root: Path = ROOT, own: Path = OWN) -> MemoryLimit | None:
    """Returns the fullest limit of this process's control group and those around it; None without one."""
    found = [limit for folder in _groups(root, own) if (limit := _limit(folder))]
    return max(found, key=lambda each: each.used / each.most, default=None)


def _groups(root: Path, own: Path) -> Iterator[Path]:
    try:
        lines = own.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        if line.startswith(_V2):
            folder = root / line.removeprefix(_V2)
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(root))


def _limit(folder: Path) -> MemoryLimit | None:
    """Returns the limit of a group; None if it has none, or its files are not what the kernel writes."""
    try:
        most = int((folder / "memory.max").read_text())  # "max" without a limit
        used = int((folder / "memory.current").read_text())
        lines = (folder / "memory.stat").read_text().splitlines()
        inactive = int(dict(line.split(maxsplit=1) for line in lines)["inactive_file"])
    except (OSError, ValueError, KeyError):
        return None
    return MemoryLimit(max(used - inactive, 0), most) if most else None
