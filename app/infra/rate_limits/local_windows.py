"""Sliding windows in this process's memory: what it has admitted, for when Redis is away."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MOST_KEYS: Final = 10_000
MOST_HITS: Final = 200_000
"""Bounds of the memory: about 5 MB for the keys, 10 MB for the hits."""


class Hits:
    """What one policy has admitted for one caller within its window.

    ``pending`` requests are under decision; they count, so that two requests do not take the same place.
    ``strayed_at`` is the last time that this process admitted one without Redis; ``forgotten`` ones are no
    longer counted.
    """

    __slots__ = ("forgotten", "pending", "strayed_at", "times")

    def __init__(self) -> None:
        self.times: deque[float] = deque()
        self.pending = 0
        self.strayed_at = float("-inf")
        self.forgotten = False


class LocalWindows:
    """Bounded by keys and by hits: beyond, the keys that were not used for the longest time are forgotten.

    ``clock`` is monotonic, in seconds, so that a changed system time moves no window.
    """

    def __init__(
        self, clock: Callable[[], float], *, most_keys: int = MOST_KEYS, most_hits: int = MOST_HITS
    ) -> None:
        self._clock = clock
        self._most_keys = most_keys
        self._most_hits = most_hits
        self._by_key: OrderedDict[str, Hits] = OrderedDict()
        self._hits = 0

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def hits(self) -> int:
        """How many hits are remembered."""
        return self._hits

    def begin(self, key: str, seconds: int, cost: int) -> Hits:
        """Returns the hits of ``key``, with this request among the pending ones."""
        hits = self._by_key.get(key)
        if hits is None:
            hits = self._by_key[key] = Hits()
        else:
            self._by_key.move_to_end(key)
            self._expire(hits, seconds)
        hits.pending += cost
        return hits

    def end(self, hits: Hits, cost: int, most: int, *, admitted: bool) -> None:
        """Ends the decision about a request: counts it if it was admitted, up to ``most``."""
        hits.pending -= cost
        if admitted and len(hits.times) + cost <= most and not hits.forgotten:
            hits.times.extend([self._clock()] * cost)
            self._hits += cost
        if self._hits > self._most_hits or len(self._by_key) > self._most_keys:
            self._shrink()

    def look(self, key: str, seconds: int) -> Hits:
        """Returns the hits of ``key``; of an unknown one, none."""
        hits = self._by_key.get(key) or Hits()
        self._expire(hits, seconds)
        return hits

    def forget(self, key: str) -> bool:
        """Forgets a key; returns whether it was known."""
        hits = self._by_key.pop(key, None)
        if hits is None:
            return False
        self._drop(hits)
        return True

    def _expire(self, hits: Hits, seconds: int) -> None:
        over = self._clock() - seconds
        times = hits.times
        while times and times[0] <= over:
            times.popleft()
            self._hits -= 1

    def _shrink(self) -> None:
        while len(self._by_key) > self._most_keys or (self._hits > self._most_hits and self._by_key):
            _, hits = self._by_key.popitem(last=False)
            self._drop(hits)

    def _drop(self, hits: Hits) -> None:
        self._hits -= len(hits.times)
        hits.times.clear()
        hits.forgotten = True
