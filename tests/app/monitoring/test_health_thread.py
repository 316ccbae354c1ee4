"""Probes that block: a thread of their own, one call at a time, and nobody waits for one that hangs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.core.clock import SystemClock
from app.monitoring import checks
from app.monitoring.checks import file_system
from app.monitoring.checks.system import LoopLag, SystemProbe
from app.monitoring.health_check import Check, Status
from app.monitoring.health_checks import HealthChecks
from app.monitoring.health_thread import THREAD_PREFIX, OwnThread
from tests.app.conftest import make_settings
from tests.programs import wait


class Disk:
    """Blocks while it is gone, and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.back = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        self.back.wait()
        return self.calls


class ReservedPool(ThreadPoolExecutor):
    """The event loop's thread pool, which passwords need: no probe may use it."""

    def submit(self, *_: object, **__: object) -> Future[Any]:
        raise AssertionError


async def test_a_call_that_hangs_is_waited_for_and_not_repeated() -> None:
    disk, thread = Disk(), OwnThread("disk")
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await thread.run(disk)
    assert disk.calls == 1
    assert [each.name for each in threading.enumerate()].count(f"{THREAD_PREFIX}disk") == 1
    disk.back.set()
    assert await thread.run(disk) == 2


async def test_callers_take_turns() -> None:
    disk, thread = Disk(), OwnThread("disk")
    calls = [asyncio.create_task(thread.run(disk)) for _ in range(5)]
    await wait(lambda: disk.calls, "the first call runs")
    assert disk.calls == 1
    disk.back.set()
    assert sorted(await asyncio.gather(*calls)) == [1, 2, 3, 4, 5]


async def test_what_a_call_raises_reaches_its_caller_alone() -> None:
    thread = OwnThread("disk")

    def fails() -> None:
        raise OSError("No space")

    with pytest.raises(OSError, match="No space"):
        await thread.run(fails)
    assert await thread.run(lambda: 1) == 1


async def test_a_hanging_probe_is_reported_late_until_its_disk_is_back() -> None:
    disk, thread = Disk(), OwnThread("disk")

    async def probe() -> list[Any]:
        await thread.run(disk)
        return []

    check = Check("file_system", probe, "Mend it.", interval=0.001, limit=0.02, immediate=True)
    health = HealthChecks([check], SystemClock(), agreeing=3, window=4)

    def status() -> Status | None:
        component = (health.report().components or {}).get("file_system")
        return component.status if component else None

    async with health.running():
        await wait(lambda: status() is Status.FAIL, "the check fails")
        assert disk.calls == 1
        disk.back.set()
        await wait(lambda: status() is Status.PASS, "the check passes")


def test_no_probe_takes_a_thread_that_passwords_need(tmp_path: Path) -> None:
    settings = make_settings("mongodb://x/y", "redis://x", health_folder=tmp_path)

    async def probe() -> None:
        asyncio.get_running_loop().set_default_executor(ReservedPool(1))
        await file_system.check(settings).probe()
        await SystemProbe(settings, LoopLag(30))()

    asyncio.run(probe())


def test_no_check_uses_the_event_loops_thread_pool() -> None:
    files = [path for folder in checks.__path__ for path in Path(folder).glob("*.py")]
    assert len(files) > 7
    assert [path.name for path in files if "to_thread" in path.read_text()] == []


HANGS = """
import asyncio, threading
from app.monitoring.health_thread import OwnThread

async def main():
    try:
        async with asyncio.timeout(0.1):
            await OwnThread("disk").run(threading.Event().wait)
    except TimeoutError:
        print("left")

asyncio.run(main())
"""


def test_a_process_ends_while_a_probe_hangs() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=120, check=True
    )
    assert (ended.stdout, ended.stderr) == ("left\n", "")
