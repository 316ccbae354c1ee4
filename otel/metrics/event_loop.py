"""Lag of the event loop: whatever blocks it makes every request wait."""

from __future__ import annotations

import asyncio
from typing import Final

from otel.metrics.catalogue import Catalogue, Histogram

LAG: Final = Histogram(
    "asyncio.event_loop.lag",
    unit="s",
    description="Delay between the scheduled and the actual time of an event loop timer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
LOOP_METRICS: Final = Catalogue("otel.event_loop", LAG)

INTERVAL: Final = 0.25
"""Seconds between two measurements."""


class LoopWatch:
    """Measures the lag of the running event loop until `stop`; costs a timer four times a second.

    Raises:
        RuntimeError: No event loop is running.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer = self._arm()

    def stop(self) -> None:
        """Stops measuring."""
        self._timer.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        return self._loop.call_later(INTERVAL, self._fired, self._loop.time() + INTERVAL)

    def _fired(self, planned: float) -> None:
        LAG.record(max(self._loop.time() - planned, 0.0))
        self._timer = self._arm()
