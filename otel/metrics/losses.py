"""Losses in the measurements of one metric."""

from __future__ import annotations

import math
import threading
from collections import Counter

from otel.metrics.amount import number_of
from otel.metrics.finite_sums import FiniteSums


class Losses:
    """Counts the losses in the measurements of one metric.

    `dropped` counts attributes, `replaced` values, `folded` measurements beyond the series limit, and
    `refused`, by reason, those that are not a finite number, would make a sum infinite, or are negative in
    a monotonic instrument. `sums` finds those that would make an SDK sum infinite.
    """

    __slots__ = ("_lock", "dropped", "folded", "refused", "replaced", "sums")

    def __init__(self) -> None:
        self.dropped = self.replaced = self.folded = 0
        self.refused: Counter[str] = Counter()
        self.sums = FiniteSums()
        self._lock = threading.RLock()  # taken twice when a signal handler records

    def admitted(self, amount: object, *, may_be_negative: bool) -> int | float | None:
        """Converts any amount to a plain number; None if it was rejected, which is counted."""
        number = number_of(amount)
        if number is None:
            self.refuse("not_a_number")
        elif not math.isfinite(number):
            self.refuse("not_finite")
        elif number < 0 and not may_be_negative:
            self.refuse("negative")
        else:
            return number
        return None

    def refuse(self, reason: str) -> None:
        """Counts a measurement that is not recorded."""
        with self._lock:
            self.refused[reason] += 1

    def forget(self) -> None:
        """Resets the counts, as a forked child must."""
        self.__init__()  # type: ignore[misc]  # the same state as a new one, in place
