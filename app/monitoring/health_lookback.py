"""What happened lately: a span of time that does not depend on how often a check happens to run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

_MOST_SAMPLES: Final = 256

INTERVALS: Final = 3
"""How many of its intervals a check looks back. It runs again a second after a result that differs from its
status, and what had happened only since the last run would then look mended."""


def keep(samples: deque[tuple[float, _T]], now: float, value: _T, seconds: float) -> None:
    """Appends a sample of a span of ``seconds``, unless it has one of the same 256th: so it is bounded."""
    if not samples or now - samples[-1][0] >= seconds / _MOST_SAMPLES:
        samples.append((now, value))


class Lookback(Generic[_T]):
    """Remembers samples of the last ``seconds``, and the one before them; of a 256th of that time, one."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._samples: deque[tuple[float, _T]] = deque()

    def add(self, value: _T) -> tuple[float, _T]:
        """Takes a sample; returns the latest one that is ``seconds`` old, else the first, and its age."""
        now = self._monotonic()
        keep(self._samples, now, value, self._seconds)
        while len(self._samples) > 1 and self._samples[1][0] <= now - self._seconds:
            self._samples.popleft()
        moment, earlier = self._samples[0]
        return now - moment, earlier


class Growth:
    """By how much a total grew in the last ``seconds``; a total that shrinks has begun again from zero.

    ``total`` is what it was at the start; without it the first one that is added.
    """

    def __init__(
        self, seconds: float, monotonic: Callable[[], float] = time.monotonic, *, total: int | None = None
    ) -> None:
        self._lookback: Lookback[int] = Lookback(seconds, monotonic)
        self._grown = 0
        self._last = total
        if total is not None:
            self._lookback.add(0)

    def add(self, total: int) -> tuple[float, int]:
        """Takes the total; returns the time that it looks back, in seconds, and the growth in that time."""
        last = total if self._last is None else self._last
        self._grown += total - last if total >= last else total
        self._last = total
        age, earlier = self._lookback.add(self._grown)
        return age, self._grown - earlier
