"""A bounded queue with one exporting thread: whatever the collector does, memory and shutdown stay bounded.

The SDK's batch processors (1.45.2) ignore the timeouts of flush and shutdown (opentelemetry-python#4568),
count items as processed once they are handed to the exporter, and drop the oldest item silently; here
every item is accounted for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel.export.accounting import SignalAccount

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """Result of a batch: whether it arrived, apart from the items that could not be encoded."""

    arrived: bool
    unencodable: int = 0


class BatchQueue(Generic[T]):
    """Collects items and passes them in batches to `export`, which returns the outcome.

    A full queue drops its oldest item. `capacity` and `batch_size` count items, `delay` is in seconds.
    `put` never blocks on the network; it may be called in any thread, in a signal handler and from inside
    `export`.
    """

    _accepted: int
    _settled: int
    _urgent: int
    _thread: threading.Thread

    def __init__(
        self,
        name: str,
        export: Callable[[list[T]], Outcome],
        *,
        capacity: int,
        batch_size: int,
        delay: float,
    ) -> None:
        self.name = name
        self.capacity = capacity
        self.account = SignalAccount()
        self._export = export
        self._fill: Callable[[], None] = lambda: None
        self._batch_size = min(batch_size, capacity)
        self._delay = delay
        # the first item starts the timer, a full batch ends the wait
        self._wakes = frozenset({1, self._batch_size})
        self._start()

    def filled_by(self, fill: Callable[[], None]) -> None:
        """Makes `flush` and `close` call `fill` first, which queues items that are still held elsewhere."""
        self._fill = fill

    def waiting(self) -> int:
        """Returns the number of items waiting for export."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Queues one item."""
        items = self._items
        with self._lock:  # the condition's lock, taken directly: its own `__enter__` is Python
            self.account.produced += 1
            if self._closed:
                self.account.drop("already_shutdown")
                return
            if len(items) >= self.capacity:
                items.popleft()
                self._settled += 1
                self.account.drop("queue_full")
            items.append(item)
            self._accepted += 1
            if len(items) in self._wakes:
                self._wake()

    def flush(self, seconds: float) -> bool:
        """Exports what is queued now; True if all of it arrived within `seconds`."""
        self._fill()
        with self._ready:
            if self._closed:
                return False
            lost = self.account.view()["dropped"]
            goal = self._accepted
            self._urgent = goal
            self._ready.notify_all()
            done = self._ready.wait_for(lambda: self._settled >= goal, timeout=seconds)
            return done and self.account.view()["dropped"] == lost

    def close(self, seconds: float) -> bool:
        """Exports what is queued within `seconds` and stops the thread; True if nothing was left behind."""
        self._fill()
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        self._thread.join(seconds)
        with self._ready:
            pending = self.account.view()["pending"]
            self.account.close()
            self._items.clear()
        return pending == 0

    def restart_after_fork(self) -> None:
        """Gives a forked child an empty queue and a thread of its own; the parent exports the old items."""
        self.account.forget()
        self._start()

    def _wake(self) -> None:
        if len(self._items) == 1:
            self._due_at = time.monotonic() + self._delay
        self._ready.notify_all()

    def _start(self) -> None:
        self._lock = self.account.lock
        self._ready = threading.Condition(self._lock)
        self._items: deque[T] = deque()
        self._accepted = self._settled = self._urgent = 0
        self._closed = False
        self._due_at = 0.0
        self._thread = threading.Thread(target=self._work, name=f"otel-{self.name}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while batch := self._next_batch():
            outcome = self._try_export(batch)
            with self._ready:
                self.account.drop("unencodable", outcome.unencodable)
                self.account.settle(len(batch) - outcome.unencodable, exported=outcome.arrived)
                self._settled += len(batch)
                self._ready.notify_all()

    def _next_batch(self) -> list[T]:
        """Waits until a batch is full, due or urgent; an empty batch means the queue is closed."""
        with self._ready:
            while not self._is_due():
                self._ready.wait(max(self._due_at - time.monotonic(), 0) if self._items else None)
            batch = [self._items.popleft() for _ in range(min(len(self._items), self._batch_size))]
            self._due_at = time.monotonic() + self._delay
            return batch

    def _is_due(self) -> bool:
        if self._closed or not self._items:
            return self._closed
        full = len(self._items) >= self._batch_size
        return full or self._urgent > self._settled or time.monotonic() >= self._due_at

    def _try_export(self, batch: list[T]) -> Outcome:
        with suppress_instrumentation():
            try:
                return self._export(batch)
            except Exception:  # noqa: BLE001 - the thread must outlive whatever an exporter raises
                _log.exception("exporting %d %s failed", len(batch), self.name)
                return Outcome(arrived=False)
