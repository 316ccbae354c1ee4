"""The check of the process and its machine."""

from __future__ import annotations

import asyncio

import pytest

from app.core.settings import Settings
from app.monitoring.checks.system import LoopLag, SystemProbe
from tests.app.conftest import make_settings
from tests.app.monitoring.measured import Hand, by_name, wrong


async def test_the_system_is_measured() -> None:
    settings = make_settings("mongodb://x/y", "redis://x")
    with LoopLag(30) as lag:
        probe = SystemProbe(settings, lag)
        await probe()
        while "cpu" not in by_name(measured := await probe()):
            pass
    found = by_name(measured)
    assert wrong(measured) == []
    assert {"cpu", "load", "memory", "swap", "descriptors", "eventLoopLag", "uptime"} <= found.keys()


@pytest.mark.parametrize(
    ("threshold", "name"),
    [
        ("health_max_memory", "memory"),
        ("health_max_descriptors", "descriptors"),
        ("health_max_load", "load"),
    ],
)
async def test_thresholds_come_from_the_settings(threshold: str, name: str) -> None:
    settings: Settings = make_settings("mongodb://x/y", "redis://x", **{threshold: 1e-12})
    with LoopLag(30) as lag:
        assert name in wrong(await SystemProbe(settings, lag)())


async def test_what_blocked_the_loop_lately_is_seen_at_every_run() -> None:
    clock, loop = Hand(), asyncio.get_running_loop()
    lag = LoopLag(30, clock)
    for second, blocked in ((0, 3), (10, 1), (20, 2)):
        clock.now = second
        lag._fired(loop, loop.time() - blocked)
        lag.__exit__()
    worst = []
    for clock.now in (21, 30, 31, 50, 51):
        worst.append(round(lag.worst()))
    assert worst == [3, 3, 2, 2, 0]
