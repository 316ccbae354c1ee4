"""Keeps a process's last log records in memory, for when the log store is away."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from otel.logs.render import Entry

MOST_CHARACTERS: Final = 4 * 1024 * 1024


class RecentRecords:
    """The last entries, redacted as they are exported: at most ``most``, and 4 Mi characters as lines.

    Thread-safe.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.forget()

    def forget(self) -> None:
        """Forgets all entries, as a forked child must: they are its parent's."""
        self._entries: deque[tuple[Entry, int]] = deque()
        self._size = 0
        # Reentrant, because a signal handler may log while its thread does.
        self._lock = threading.RLock()

    def add(self, entry: Entry, size: int) -> None:
        """Keeps an entry whose line has ``size`` characters, and drops the oldest ones over the bounds."""
        with self._lock:
            self._entries.append((entry, size))
            self._size += size
            while len(self._entries) > self._most or (self._size > MOST_CHARACTERS and self._entries):
                self._size -= self._entries.popleft()[1]

    def entries(self) -> list[Entry]:
        """Returns the entries, the newest first."""
        with self._lock:
            return [entry for entry, _ in reversed(self._entries)]
