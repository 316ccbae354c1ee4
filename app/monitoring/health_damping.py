"""Damping: a check's status changes only when enough of its last results agree."""

from __future__ import annotations

from collections import deque

from app.monitoring.health_check import SEVERITY, Status


class Damping:
    """Decides the status of one check from its last results.

    The first result decides alone. After that, the status gets worse when ``agreeing`` of the last
    ``window`` results are worse, to the level that so many of them reach; it gets better likewise. With
    ``agreeing`` above half of ``window`` + 1, results that alternate never change it.
    """

    def __init__(self, *, agreeing: int, window: int) -> None:
        self._agreeing = agreeing
        self._recent: deque[Status] = deque(maxlen=window)
        self.status: Status | None = None

    def add(self, found: Status) -> Status:
        """Takes one more result and returns the status."""
        self._recent.append(found)
        now = self.status = self.status or found
        worse = sorted(self._beyond(now, 1), key=SEVERITY.__getitem__, reverse=True)
        better = sorted(self._beyond(now, -1), key=SEVERITY.__getitem__)
        for others in (worse, better):
            if len(others) >= self._agreeing:
                self.status = others[self._agreeing - 1]
        return self.status

    def _beyond(self, status: Status, sign: int) -> list[Status]:
        return [each for each in self._recent if sign * (SEVERITY[each] - SEVERITY[status]) > 0]
