"""Metrics of the process and the machine, read through psutil at every collection.

Names: semantic conventions "process", "system" and "CPython". Every worker reports its own process; only
worker number 0 reports the machine, or its CPUs would be counted once per worker. If workers have no numbers,
because no file can be locked, each reports the machine: better repeatedly than never.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterable
from typing import Final

import psutil
from opentelemetry.metrics import Observation

from otel.metrics.catalogue import Catalogue, Counter, Gauge, UpDownCounter

_MODES: Final = ("user", "system")
_GENERATION: Final = {"cpython.gc.generation": (0, 1, 2)}

CPU_TIME: Final = Counter(
    "process.cpu.time",
    unit="s",
    description="CPU time used by the process.",
    attributes={"cpu.mode": _MODES},
)
CPU_UTILIZATION: Final = Gauge(
    "process.cpu.utilization",
    unit="1",
    description="CPU time per second since the last collection; 1 is one whole CPU.",
)
MEMORY: Final = UpDownCounter(
    "process.memory.usage", unit="By", description="Physical memory used by the process."
)
VIRTUAL: Final = UpDownCounter(
    "process.memory.virtual", unit="By", description="Address space reserved by the process."
)
THREADS: Final = UpDownCounter("process.thread.count", unit="{thread}", description="Threads of the process.")
FILES: Final = UpDownCounter(
    "process.unix.file_descriptor.count",
    unit="{file_descriptor}",
    description="Open files, sockets and pipes of the process.",
)
FILES_LIMIT: Final = UpDownCounter(
    "process.unix.file_descriptor.limit",
    unit="{file_descriptor}",
    description="Limit on the process's open files (soft limit).",
)
SWITCHES: Final = Counter(
    "process.context_switches",
    unit="{context_switch}",
    description="Times the process yielded or lost the CPU.",
    attributes={"process.context_switch_type": ("voluntary", "involuntary")},
)
UPTIME: Final = Gauge("process.uptime", unit="s", description="Time since the process was started.")
COLLECTIONS: Final = Counter(
    "cpython.gc.collections",
    unit="{collection}",
    description="Runs of the garbage collector.",
    attributes=_GENERATION,
)
COLLECTED: Final = Counter(
    "cpython.gc.collected_objects",
    unit="{object}",
    description="Objects that the garbage collector freed.",
    attributes=_GENERATION,
)
UNCOLLECTABLE: Final = Counter(
    "cpython.gc.uncollectable_objects",
    unit="{object}",
    description="Objects that the garbage collector found but could not free.",
    attributes=_GENERATION,
)
SYSTEM_CPU: Final = Gauge(
    "system.cpu.utilization",
    unit="1",
    description="Share of all CPUs that has been busy since the last collection.",
)
SYSTEM_LOAD: Final = Gauge(
    "system.cpu.load_average.1m", unit="{thread}", description="Runnable threads, averaged over one minute."
)
SYSTEM_MEMORY: Final = UpDownCounter(
    "system.memory.usage",
    unit="By",
    description="Memory of the machine by state.",
    attributes={"system.memory.state": ("used", "available")},
)
DISK_IO: Final = Counter(
    "system.disk.io",
    unit="By",
    description="Bytes read from and written to all disks.",
    attributes={"disk.io.direction": ("read", "write")},
)
DISK_SPACE: Final = UpDownCounter(
    "system.filesystem.usage",
    unit="By",
    description="Space in the working directory's file system, by state.",
    attributes={"system.filesystem.state": ("used", "free")},
)

PROCESS_METRICS: Final = Catalogue(
    "otel.process",
    CPU_TIME,
    CPU_UTILIZATION,
    MEMORY,
    VIRTUAL,
    THREADS,
    FILES,
    FILES_LIMIT,
    SWITCHES,
    UPTIME,
    COLLECTIONS,
    COLLECTED,
    UNCOLLECTABLE,
)
SYSTEM_METRICS: Final = Catalogue("otel.system", SYSTEM_CPU, SYSTEM_LOAD, SYSTEM_MEMORY, DISK_IO, DISK_SPACE)

Reading = Callable[[], Iterable[Observation]]
Undo = Callable[[], None]


def observe_process() -> list[Undo]:
    """Starts reporting this process; returns functions that undo it. A forked child must call it again."""
    process = psutil.Process()
    process.cpu_percent()  # the first call only sets the baseline
    # The age is taken from the wall clock only once: that clock may be set back later.
    born = time.monotonic() - max(time.time() - process.create_time(), 0)
    return [
        CPU_TIME.observe(lambda: _modes(process.cpu_times())),
        CPU_UTILIZATION.observe(lambda: [Observation(process.cpu_percent() / 100)]),
        MEMORY.observe(lambda: [Observation(process.memory_info().rss)]),
        VIRTUAL.observe(lambda: [Observation(process.memory_info().vms)]),
        THREADS.observe(lambda: [Observation(process.num_threads())]),
        FILES.observe(lambda: [Observation(process.num_fds())]),
        FILES_LIMIT.observe(lambda: [Observation(process.rlimit(psutil.RLIMIT_NOFILE)[0])]),
        SWITCHES.observe(lambda: _switches(process)),
        UPTIME.observe(lambda: [Observation(time.monotonic() - born)]),
        COLLECTIONS.observe(lambda: _generations("collections")),
        COLLECTED.observe(lambda: _generations("collected")),
        UNCOLLECTABLE.observe(lambda: _generations("uncollectable")),
    ]


def observe_system() -> list[Undo]:
    """Starts reporting the machine; returns functions that undo it."""
    psutil.cpu_percent()  # the first call only sets the baseline
    return [
        SYSTEM_CPU.observe(lambda: [Observation(psutil.cpu_percent() / 100)]),
        SYSTEM_LOAD.observe(lambda: [Observation(os.getloadavg()[0])]),
        SYSTEM_MEMORY.observe(_memory),
        DISK_IO.observe(_disk_io),
        DISK_SPACE.observe(_disk_space),
    ]


def _modes(times: object) -> list[Observation]:
    return [Observation(getattr(times, mode), {"cpu.mode": mode}) for mode in _MODES]


def _switches(process: psutil.Process) -> list[Observation]:
    counts = process.num_ctx_switches()
    key = "process.context_switch_type"
    return [
        Observation(counts.voluntary, {key: "voluntary"}),
        Observation(counts.involuntary, {key: "involuntary"}),
    ]


def _generations(field: str) -> list[Observation]:
    stats = gc.get_stats()
    return [
        Observation(stats[generation][field], {"cpython.gc.generation": generation})
        for generation in range(len(stats))
    ]


def _memory() -> list[Observation]:
    memory = psutil.virtual_memory()
    key = "system.memory.state"
    return [
        Observation(memory.total - memory.available, {key: "used"}),
        Observation(memory.available, {key: "available"}),
    ]


def _disk_io() -> list[Observation]:
    counters = psutil.disk_io_counters()
    if counters is None:  # a container without a disk of its own
        return []
    key = "disk.io.direction"
    return [
        Observation(counters.read_bytes, {key: "read"}),
        Observation(counters.write_bytes, {key: "write"}),
    ]


def _disk_space() -> list[Observation]:
    space = psutil.disk_usage(".")
    key = "system.filesystem.state"
    return [Observation(space.used, {key: "used"}), Observation(space.free, {key: "free"})]
