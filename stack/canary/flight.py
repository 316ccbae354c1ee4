"""Sends one signal's item every interval and queries its store until it has arrived."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from stack.canary.items import Item
from stack.canary.stores import Store
from stack.canary.verdict import Verdict
from stack.canary.web import UnansweredError

# An item is given up after this many intervals: a later arrival is not counted.
MOST_PENDING: Final = 10
_SHORTEST_PAUSE: Final = 0.1
_LOG: Final = logging.getLogger("canary")


class Flight:
    """Sends the items of one signal and looks for them; signals do not wait for each other's stores.

    Args:
        signal: traces, metrics or logs.
        run: identifies this process in every item.
        send: sends the Collector one item.
        store: returns which items have arrived.
        interval: seconds from one item to the next.
        verdict: records every result.
    """

    def __init__(
        self,
        signal: str,
        run: str,
        send: Callable[[str, Item], None],
        store: Store,
        interval: float,
        verdict: Verdict,
    ) -> None:
        self._signal = signal
        self._run = run
        self._send = send
        self._store = store
        self._interval = interval
        self._verdict = verdict
        self._number = 0
        self._pending: deque[tuple[Item, float]] = deque(maxlen=MOST_PENDING)
        self._failing: dict[str, bool] = {}

    def fly(self, stop: threading.Event) -> None:
        """Sends and looks for items until ``stop`` is set; failures are counted and logged, never raised."""
        due = time.monotonic()
        while not stop.is_set():
            if time.monotonic() >= due:
                due = time.monotonic() + self._interval
                self.send()
            self.seek()
            stop.wait(self.pause(due))

    def send(self) -> None:
        """Sends the next item. One that is not acknowledged is not retried: the next one is enough."""
        self._number += 1
        item = Item(self._run, self._number, time.time_ns())
        try:
            self._send(self._signal, item)
        except UnansweredError as error:
            self._failed("send", error)
            return
        self._succeeded("send")
        self._verdict.sent(self._signal)
        if len(self._pending) == MOST_PENDING:
            self._verdict.lost(self._signal)
        self._pending.append((item, time.monotonic()))

    def seek(self) -> None:
        """Queries the store for the pending items, if there are any."""
        if not self._pending:
            return
        try:
            found = self._store([item for item, _ in self._pending])
        except UnansweredError as error:
            self._failed("ask", error)
            return
        self._succeeded("ask")
        now = time.monotonic()
        for item, acknowledged in list(self._pending):
            if item.number in found:
                self._pending.remove((item, acknowledged))
                self._verdict.arrived(self._signal, now - acknowledged)

    def pause(self, due: float) -> float:
        """Returns the seconds until there is something to do.

        Args:
            due: when the next item is sent, by the monotonic clock. While one is pending, the store is
                queried again after a quarter of the newest item's age: often at first, then less.
        """
        now = time.monotonic()
        wait = max(due - now, 0.0)
        if not self._pending:
            return wait
        waited = now - self._pending[-1][1]
        return min(wait, max(waited / 4, _SHORTEST_PAUSE))

    def _failed(self, stage: str, error: UnansweredError) -> None:
        self._verdict.failed(self._signal, stage)
        if not self._failing.get(stage):
            _LOG.warning("%s: %s", self._signal, error)
        self._failing[stage] = True

    def _succeeded(self, stage: str) -> None:
        if self._failing.pop(stage, False):
            _LOG.info("%s: %s works again", self._signal, stage)
