from __future__ import annotations

import asyncio
import time

import pytest

from otel.metrics.event_loop import INTERVAL, LAG, LoopWatch
from otel.metrics.series import HistogramSnapshot
from tests.otel.receiver import wait_for


def measured() -> tuple[int, float]:
    found = [each for each in LAG.snapshots() if isinstance(each, HistogramSnapshot)]
    return sum(sum(each.counts) for each in found), max((each.largest for each in found), default=0.0)


async def until_measured(count: int) -> None:
    await asyncio.to_thread(wait_for, lambda: measured()[0] >= count)


async def test_the_lag_of_a_blocked_loop_is_measured() -> None:
    LAG.forget()
    watch = LoopWatch()
    await until_measured(1)
    blocked_until = time.monotonic() + INTERVAL * 2
    while time.monotonic() < blocked_until:
        pass
    await until_measured(3)
    watch.stop()
    assert measured()[1] >= INTERVAL * 0.9


def test_watching_requires_a_running_loop() -> None:
    with pytest.raises(RuntimeError):
        LoopWatch()
