"""The disk: whether a write reaches it, what is free, and how long that will last."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from app.core.settings import Settings
from app.monitoring.health_check import Check, Measurement, Status, at_most

ADVICE: Final = "Free space on the disk of LMS_HEALTH_FOLDER, or mount it writable again."
_FULL: Final = "Free space (`du -xh --max-depth=1 | sort -h`) before writes fail."
_INODES: Final = "Remove small files, usually caches or sessions: the disk has space but takes no new file."
_TREND: Final = "Find what grows (`du`, twice, a few minutes apart) and stop it or add space."
_BLOCK: Final = b"health" * 683  # about 4 KiB, a block of most file systems
_MS: Final = 1000
_HOUR: Final = 3600
_MOST_SAMPLES: Final = 256
_LEAST_SECONDS: Final = 600
"""How long a trend must have been watched before it says something."""


class Trend:
    """Says by the last hour's samples how many hours a disk will last: a straight line through them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._samples: deque[tuple[float, float]] = deque(maxlen=_MOST_SAMPLES)

    def hours_left(self, free: float) -> float | None:
        """Takes a sample of the free bytes; returns None if it is not shrinking, or watched for too short."""
        now = self._monotonic()
        self._samples.append((now, free))
        while self._samples[0][0] < now - _HOUR:
            self._samples.popleft()
        if now - self._samples[0][0] < _LEAST_SECONDS:
            return None
        slope = _slope(self._samples)
        return free / -slope / _HOUR if slope < 0 else None


def _slope(samples: Sequence[tuple[float, float]]) -> float:
    """Returns the least-squares slope, in bytes a second."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread


class FileSystemProbe:
    """Writes 4 KiB to a new file of the folder, has them on disk (fsync), and removes it."""

    def __init__(self, folder: Path, *, least_free: float, least_hours: float, trend: Trend) -> None:
        self._folder = folder
        self._least_free = least_free
        self._least_hours = least_hours
        self._trend = trend

    async def __call__(self) -> Sequence[Measurement]:
        """Measures in a thread, because a disk that hangs blocks.

        Raises:
            OSError: The folder does not exist, or takes no file.
        """
        return await asyncio.to_thread(self._measure)

    def _measure(self) -> list[Measurement]:
        started = time.perf_counter()
        with tempfile.TemporaryFile(dir=self._folder, prefix="health-") as file:
            file.write(_BLOCK)
            file.flush()
            os.fsync(file.fileno())
        written = (time.perf_counter() - started) * _MS
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        return [
            Measurement("responseTime", written, "ms"),
            self._used("space", disk.f_bavail, disk.f_blocks, _FULL),
            # Some file systems have no fixed number of inodes and report none.
            self._used("inodes", disk.f_favail, disk.f_files, _INODES),
            self._lasts(free),
        ]

    def _used(self, name: str, free: int, total: int, advice: str) -> Measurement:
        share = free / total if total else 1.0
        output = f"Only {share:.1%} of the {name} at {self._folder} is free."
        return at_most(f"{name}Used", 1 - share, 1 - self._least_free, unit="1", output=output, advice=advice)

    def _lasts(self, free: float) -> Measurement:
        hours = self._trend.hours_left(free)
        if hours is None:
            return Measurement("hoursUntilFull", "not shrinking")
        output = f"At the rate of the last hour, {self._folder} is full in {hours:.1f} hours."
        if hours >= self._least_hours:
            return Measurement("hoursUntilFull", hours, "h")
        return Measurement("hoursUntilFull", hours, "h", Status.WARN, output, _TREND)


def check(settings: Settings) -> Check:
    """Returns the check of the disk that LMS_HEALTH_FOLDER names."""
    probe = FileSystemProbe(
        settings.health_folder or Path(tempfile.gettempdir()),
        least_free=settings.health_min_disk,
        least_hours=settings.health_min_disk_hours,
        trend=Trend(),
    )
    return Check(
        "file_system",
        probe,
        ADVICE,
        interval=settings.health_slow_seconds,
        limit=settings.health_limit_seconds,
        kind="system",
    )
