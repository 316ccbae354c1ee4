"""Keeps the sums of the SDK's instruments finite: an infinite one would never recover."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from otel.metrics.amount import UNUSUAL

_MOST_SERIES: Final = 2000
_REST: Final = (0, "")


def can_overflow(amount: float) -> bool:
    """Tells whether amounts of this size can make a sum infinite; it takes 10**289 of any smaller ones."""
    return not -UNUSUAL < amount < UNUSUAL


class FiniteSums:
    """Adds up the large amounts of each series as the SDK does, to reject one before a sum becomes infinite.

    A series is one instrument with one set of attributes. Series beyond the first 2000 share one sum, so an
    amount may be rejected although its own series could take it. Thread-safe.
    """

    __slots__ = ("_lock", "_sums")

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a signal handler may record
        self._sums: dict[tuple[int, str], float] = {}

    def record(
        self,
        instrument: int,
        amount: float,
        attributes: Mapping[str, Any] | None,
        measure: Callable[[], None],
    ) -> bool:
        """Calls `measure`, which adds `amount` to the SDK's sum, unless the sum would become infinite.

        Returns False if it would. `attributes` are plain values, as `otel.encodable` makes them.
        """
        series = (instrument, repr(sorted((attributes or {}).items(), key=_key)))
        with self._lock:
            if series not in self._sums and len(self._sums) >= _MOST_SERIES:
                series = _REST
            total = self._sums.get(series, 0.0) + amount
            if not math.isfinite(total):
                return False
            self._sums[series] = total
            measure()  # under the lock, so that threads add in the order in which they were admitted
            return True


def _key(attribute: tuple[str, Any]) -> str:
    return attribute[0]
