"""The disk: whether a write reaches it, what is free, and how long that will last."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from app.core.settings import Settings
from app.monitoring.health_check import Check, Measurement, Status, at_most
from app.monitoring.health_lookback import keep
from app.monitoring.health_thread import OwnThread

ADVICE: Final = "Free space on the disk of LMS_HEALTH_FOLDER, or mount it writable again."
_FULL: Final = "Free space (`du -xh --max-depth=1 | sort -h`) before writes fail."
_INODES: Final = "Remove small files, usually caches or sessions: the disk has space but takes no new file."
_TREND: Final = "Find what grows (`du`, twice, a few minutes apart) and stop it or add space."
_BLOCK: Final = b"health" * 683  # about 4 KiB, a block of most file systems
_MS: Final = 1000
_HOUR: Final = 3600
_LEAST_INTERVALS: Final = 2
_TEMPORARY: Final = "/tmp"  # noqa: S108 - its disk is looked at, nobody's file is trusted
_LEAST_SECONDS: Final = 600
"""How long a trend must have been watched before it says something."""


class Trend:
    """Says by the last hour's samples how many hours a disk will last: a straight line through them.

    Of samples every ``interval`` seconds it keeps some, so that they span the hour; at least two, so that
    there is a line.
    """

    def __init__(self, interval: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = max(_HOUR, _LEAST_INTERVALS * interval)
        self._monotonic = monotonic
        self._samples: deque[tuple[float, float]] = deque()

    def hours_left(self, free: float) -> float | None:
        """Takes a sample of the free bytes; returns None if it is not shrinking, or watched for too short."""
        now = self._monotonic()
        keep(self._samples, now, free, self._seconds)
        while self._samples[0][0] < now - self._seconds:
            self._samples.popleft()
        if self._samples[-1][0] - self._samples[0][0] < _LEAST_SECONDS:
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
        self._thread = OwnThread("file-system")

    async def __call__(self) -> Sequence[Measurement]:
        """Measures in a thread of its own, because a disk that hangs blocks.

        Raises:
            OSError: The folder does not exist, or takes no file.
        """
        return await self._thread.run(self._measure)

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


def temporary_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the folder of temporary files, also if it cannot be written, which the probe finds out.

    Python's own choice tries folders, and takes another one or raises while the disk is full.
    """
    return Path(environ.get("TMPDIR") or _TEMPORARY)


def check(settings: Settings) -> Check:
    """Returns the check of the disk that LMS_HEALTH_FOLDER names."""
    probe = FileSystemProbe(
        settings.health_folder or temporary_folder(),
        least_free=settings.health_min_disk,
        least_hours=settings.health_min_disk_hours,
        trend=Trend(settings.health_slow_seconds),
    )
    return Check(
        "file_system",
        probe,
        ADVICE,
        interval=settings.health_slow_seconds,
        limit=settings.health_limit_seconds,
        kind="system",
    )
