"""Accounts for each signal's items: produced = exported + dropped (by reason) + pending, always."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TypedDict


class SignalView(TypedDict):
    """Snapshot of one signal's account; `pending` items are queued or in flight."""

    produced: int
    exported: int
    dropped: dict[str, int]
    pending: int


class SignalAccount:
    """Counts the items of one signal; the equation always holds, even while the collector is unreachable.

    Drop reasons: `queue_full`, `export_failed` (rejected, or unreachable until the exporter's timeout),
    `unencodable` (OTLP cannot represent it), `shutdown` (the process exited first), `already_shutdown`
    (produced after shutdown).
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.produced = 0
        self._exported = 0
        self._dropped: Counter[str] = Counter()
        self._lost = 0
        self._closed = False

    def view(self) -> SignalView:
        """Copies the account."""
        with self.lock:
            return {
                "produced": self.produced,
                "exported": self._exported,
                "dropped": dict(self._dropped),
                "pending": self._pending(),
            }

    def produce(self, count: int = 1) -> None:
        """Counts new items as pending; after `close` they are dropped at once.

        A queue that already holds `lock` adds to `produced` itself.
        """
        with self.lock:
            self.produced += count
            if self._closed:
                self.drop("already_shutdown", count)

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts pending items as lost."""
        with self.lock:
            lost = min(count, self._pending())
            if lost:
                self._dropped[reason] += lost
                self._lost += lost

    def settle(self, count: int, *, exported: bool) -> None:
        """Counts the outcome of exporting pending items; ignored after `close`."""
        with self.lock:
            if self._closed:
                return
            if exported:
                self._exported += count
            else:
                self.drop("export_failed", count)

    def close(self) -> None:
        """Closes the account: what is still pending counts as dropped by the shutdown."""
        with self.lock:
            self.drop("shutdown", self._pending())
            self._closed = True

    def forget(self) -> None:
        """Resets the account, as a forked child must."""
        self.__init__()  # type: ignore[misc]  # the same state as a new one, in place

    def _pending(self) -> int:
        return self.produced - self._exported - self._lost
