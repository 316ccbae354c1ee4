"""The check of the process and its machine."""

from __future__ import annotations

import asyncio

import pytest

from app.core.settings import Settings
from app.monitoring.checks import system
from app.monitoring.checks.system import LoopLag, SystemProbe
from tests.app.conftest import make_settings
from tests.app.monitoring.measured import by_name, wrong


async def test_the_system_is_measured() -> None:
    settings = make_settings("mongodb://x/y", "redis://x")
    with LoopLag() as lag:
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
    with LoopLag() as lag:
        assert name in wrong(await SystemProbe(settings, lag)())


async def test_what_blocks_the_loop_is_seen_once() -> None:
    lag, loop = system.LoopLag(), asyncio.get_running_loop()
    lag._fired(loop, loop.time() - 3)
    assert 3 <= lag.worst() < 60
    assert lag.worst() == 0
    lag.__exit__()
