"""Finds the processes of a running stack by the session that its supervisor leads.

The supervisor starts as the leader of a new session, so every process below it carries its session id, even
after the supervisor is killed. PostgreSQL's workers open sessions of their own: they are found as children
of a member.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Session:
    """A supervisor's identity: its pid is also the session's id."""

    leader: int
    started: float
    boot: str

    @classmethod
    def of(cls, pid: int) -> Session:
        """Describes the running process ``pid``, which must lead its session."""
        return cls(leader=pid, started=psutil.Process(pid).create_time(), boot=_boot())

    @classmethod
    def load(cls, path: Path) -> Session | None:
        """Returns the session that ``path`` records, or None if there is none or the machine was rebooted."""
        try:
            session = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return session if session.boot == _boot() else None

    def save(self, path: Path) -> None:
        """Records the session in ``path``."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def alive(self) -> bool:
        """Returns whether the supervisor itself is running."""
        try:
            process = psutil.Process(self.leader)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def members(self) -> list[psutil.Process]:
        """Returns every living process of the session, with its children."""
        inside = [process for process in psutil.process_iter() if self._owns(process)]
        found = {process.pid: process for process in inside}
        for process in inside:
            found.update({child.pid: child for child in _children(process)})
        return [process for process in found.values() if _lives(process)]

    def _owns(self, process: psutil.Process) -> bool:
        """Returns whether the process is in this session; if it predates the leader, the id was reused."""
        try:
            return os.getsid(process.pid) == self.leader and process.create_time() >= self.started
        except (ProcessLookupError, PermissionError, psutil.Error):
            return False


def wait_gone(members: Callable[[], Iterable[psutil.Process]], seconds: float) -> list[psutil.Process]:
    """Waits at most ``seconds`` for ``members`` to find nothing; returns what is left."""
    deadline = time.monotonic() + seconds
    while left := list(members()):
        if time.monotonic() > deadline:
            return left
        time.sleep(POLL_SECONDS)
    return []


def kill(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Sends a signal to each process that is still alive."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip() if BOOT_ID.exists() else str(int(psutil.boot_time()))


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
