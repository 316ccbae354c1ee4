from __future__ import annotations

import time

import pytest

from otel.metrics.event_loop import INTERVAL, LAG, LoopWatch
from otel.metrics.series import HistogramSnapshot
from tests.programs import wait


def measured() -> tuple[int, float]:
    found = [each for each in LAG.snapshots() if isinstance(each, HistogramSnapshot)]
    return sum(sum(each.counts) for each in found), max((each.largest for each in found), default=0.0)


async def until_measured(count: int) -> None:
    await wait(lambda: measured()[0] >= count, f"{count} are measured")


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
