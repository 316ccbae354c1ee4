"""The process and its machine: CPU, load, memory, swap, file descriptors and the event loop's lag."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Self

import psutil

from app.core.settings import Settings
from app.monitoring.health_check import Check, Measurement, at_most
from app.monitoring.health_lookback import INTERVALS, Lookback
from app.monitoring.health_memory import MemoryLimit, memory_limit
from app.monitoring.health_thread import OwnThread

ADVICE: Final = "Read this process's log: the operating system does not answer simple questions about it."
_CPU: Final = (
    "See which process uses the CPU (`top`); add workers only if it is the platform and cores are free."
)
_MEMORY: Final = "Find the process that uses most memory (`ps aux --sort=-rss`), or give the machine more."
_SWAP: Final = "Free memory: a machine that swaps answers slowly."
_DESCRIPTORS: Final = "Raise the limit of open files (`ulimit -n`), or lower LMS_CONNECTION_LIMIT."
_LAG: Final = "Look for what blocks the event loop: a trace with a gap, or passwords hashed on too few cores."
_LAG_SECONDS: Final = 0.5
_UNLIMITED: Final = 2**62


class LoopLag:
    """Remembers the worst delay of the event loop in the last ``seconds``, within its block.

    It costs a timer twice a second.
    """

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._delays: deque[tuple[float, float]] = deque()
        """When each was seen, and in seconds; none has a worse one after it."""
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._arm(asyncio.get_running_loop())
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def worst(self) -> float:
        """Returns the worst delay, in seconds."""
        self._forget()
        return self._delays[0][1] if self._delays else 0.0

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_LAG_SECONDS, self._fired, loop, loop.time() + _LAG_SECONDS)

    def _fired(self, loop: asyncio.AbstractEventLoop, planned: float) -> None:
        self._saw(loop.time() - planned)
        self._arm(loop)

    def _saw(self, delay: float) -> None:
        while self._delays and self._delays[-1][1] <= delay:
            self._delays.pop()
        self._delays.append((self._monotonic(), delay))
        self._forget()

    def _forget(self) -> None:
        earliest = self._monotonic() - self._seconds
        while self._delays and self._delays[0][0] < earliest:
            self._delays.popleft()


class SystemProbe:
    """Reads the operating system's figures and compares them with the thresholds of the settings.

    CPU is what was busy in the last three intervals; the first run measures none. Memory is the container's
    if it has a limit (cgroup v2) that is fuller than the machine; everything else is the machine's.
    """

    def __init__(
        self, settings: Settings, lag: LoopLag, limit: Callable[[], MemoryLimit | None] = memory_limit
    ) -> None:
        self._settings = settings
        self._limit = limit
        self._lag = lag
        self._times: Lookback[tuple[float, float]] = Lookback(INTERVALS * settings.health_seconds)
        self._thread = OwnThread("system")

    async def __call__(self) -> Sequence[Measurement]:
        """Measures everything; files of the kernel are read in a thread of their own."""
        lag, most = self._lag.worst(), self._settings.health_max_lag_seconds
        output = f"Something blocked the event loop for {lag:.2f} s."
        blocked = at_most("eventLoopLag", lag, most, unit="s", output=output, advice=_LAG)
        return [*await self._thread.run(lambda: list(self._machine())), blocked]

    def _machine(self) -> Iterator[Measurement]:
        settings = self._settings
        if (busy := self._busy()) is not None:
            yield _share("cpu", busy, settings.health_max_cpu, "of the CPUs are busy", _CPU)
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        output = f"The load average is {load:.1f} per CPU."
        yield at_most("load", load, settings.health_max_load, unit="{thread}/CPU", output=output, advice=_CPU)
        used, what = _memory(self._limit())
        yield _share("memory", used, settings.health_max_memory, what, _MEMORY)
        swap = psutil.swap_memory()
        yield _share("swap", swap.percent / 100, settings.health_max_swap, "of the swap space is used", _SWAP)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if 0 < limit < _UNLIMITED:
            opened = psutil.Process().num_fds() / limit
            most, what = settings.health_max_descriptors, f"of {limit} file descriptors are open"
            yield _share("descriptors", opened, most, what, _DESCRIPTORS)
        uptime = time.time() - psutil.Process().create_time()
        yield Measurement("uptime", round(uptime, 1), "s")

    def _busy(self) -> float | None:
        """Returns the share of the CPUs that was busy lately, None if too little time has passed.

        psutil's own `cpu_percent` remembers one last call for the whole process, which is the telemetry's.
        """
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # A guest's time is part of the user's.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        _, (idle_before, total_before) = self._times.add((idle, total))
        if total <= total_before:
            return None
        return min(max(1 - (idle - idle_before) / (total - total_before), 0.0), 1.0)


def _memory(limit: MemoryLimit | None) -> tuple[float, str]:
    """Returns the used share of the machine's memory or the container's, whichever is fuller, and which."""
    memory = psutil.virtual_memory()
    used = 1 - memory.available / memory.total
    if limit is None or limit.most >= memory.total or limit.used / limit.most < used:
        return used, "of the memory is used"
    return limit.used / limit.most, f"of the container's {limit.most:,} bytes of memory are used"


def _share(name: str, value: float, most: float, what: str, advice: str) -> Measurement:
    return at_most(name, value, most, unit="1", output=f"{value:.0%} {what}.", advice=advice)


def check(settings: Settings, lag: LoopLag) -> Check:
    """Returns the check of the process and its machine; ``lag`` looks back `INTERVALS` of its intervals."""
    return Check(
        "system",
        SystemProbe(settings, lag),
        ADVICE,
        interval=settings.health_seconds,
        limit=settings.health_limit_seconds,
        kind="system",
        immediate=True,
    )
