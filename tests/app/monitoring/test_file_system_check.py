"""The check of the disk: full, gone, and full soon."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.monitoring.checks import file_system
from app.monitoring.checks.file_system import FileSystemProbe, Trend
from tests.app.conftest import make_settings
from tests.app.monitoring.measured import Hand, by_name, wrong

GIB = 2.0**30


def disk(folder: Path, **changes: Any) -> FileSystemProbe:  # noqa: ANN401 - the probe's thresholds
    return FileSystemProbe(
        folder, **{"least_free": 0.000001, "least_hours": 0, "trend": Trend(60, Hand()), **changes}
    )


async def test_the_disk_is_written_and_nothing_stays(tmp_path: Path) -> None:
    measured = await disk(tmp_path)()
    assert wrong(measured) == []
    assert by_name(measured)["responseTime"].unit == "ms"
    assert {each.name for each in tmp_path.iterdir()} == set()  # noqa: ASYNC240 - a folder in memory


async def test_a_missing_folder_fails_and_recovers(tmp_path: Path) -> None:
    probe = disk(tmp_path / "later")
    with pytest.raises(FileNotFoundError):
        await probe()
    (tmp_path / "later").mkdir()
    assert wrong(await probe()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = [shutil.which("mount") or "", "-t", "tmpfs", "-o", "size=64k,nr_inodes=20", "tmpfs", str(folder)]
    if not mount[0] or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may mount no disk")
    yield folder
    subprocess.run([shutil.which("umount") or "", str(folder)], check=True)


async def test_a_full_disk_fails_and_recovers(small_disk: Path) -> None:
    probe = disk(small_disk, least_free=0.2)
    assert wrong(await probe()) == []
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 56 * 1024)
    assert wrong(await probe()) == ["spaceUsed"]
    filler.write_bytes(b"x" * 64 * 1024)
    with pytest.raises(OSError, match="No space"):
        await probe()
    filler.unlink()
    assert wrong(await probe()) == []


async def test_a_disk_without_inodes_is_a_warning(small_disk: Path) -> None:
    for number in range(17):
        (small_disk / str(number)).touch()
    assert wrong(await disk(small_disk, least_free=0.2)()) == ["inodesUsed"]


@pytest.mark.parametrize(
    ("free", "hours"),
    [
        (lambda minute: GIB * (60 - minute), 0.5),  # one a minute: full half an hour later
        (lambda _: GIB * 60, None),
        (lambda minute: GIB * (1 + minute), None),
    ],
)
def test_the_trend_says_when_the_disk_is_full(free: Callable[[int], float], hours: float | None) -> None:
    clock = Hand()
    trend, said = Trend(60, clock), []
    for minute in range(31):
        clock.now = minute * 60.0
        said.append(trend.hours_left(free(minute)))
    assert said[:10] == [None] * 10  # too early to say
    assert said[-1] == (None if hours is None else pytest.approx(hours))


def test_the_trend_forgets_what_is_older_than_an_hour() -> None:
    clock = Hand()
    trend = Trend(60, clock)
    for minute in range(180):
        clock.now = minute * 60.0
        left = trend.hours_left(GIB * (60 - minute) if minute < 60 else GIB)
    assert left is None


async def test_a_disk_that_is_full_soon_is_a_warning(tmp_path: Path) -> None:
    clock = Hand()
    trend = Trend(60, clock)
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    for minute in range(30):
        clock.now = minute * 60.0
        trend.hours_left(free * (31 - minute))
    clock.now = 30 * 60.0
    assert wrong(await disk(tmp_path, trend=trend, least_hours=24)()) == ["hoursUntilFull"]


@pytest.mark.parametrize("interval", [0.1, 2.0, 60.0, 3600.0])
def test_a_trend_is_seen_however_often_the_disk_is_checked(interval: float) -> None:
    """Also if every other run is late by a tenth, and every other early."""
    clock = Hand()
    trend = Trend(interval, clock)
    runs = int(max(2 * 3600, 10 * interval) / interval)
    said = []
    for run in range(runs):
        said.append(trend.hours_left(GIB * 1000 - clock.now))
        clock.now += interval * (1.1 if run % 2 else 0.9)
    early = next(number for number, hours in enumerate(said) if hours is not None)
    assert early * interval <= 2 * max(interval, 600)
    assert all(said[early:])
    assert len(trend._samples) <= 300


async def test_a_disk_that_is_full_when_the_process_starts_is_a_result(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_disk / "filler").write_bytes(b"x" * 64 * 1024)
    monkeypatch.setenv("TMPDIR", str(small_disk))
    check = file_system.check(make_settings("mongodb://x/y", "redis://x"))
    with pytest.raises(OSError, match="No space"):
        await check.probe()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [({}, "/tmp"), ({"TMPDIR": ""}, "/tmp"), ({"TMPDIR": "/gone"}, "/gone")],  # noqa: S108 - nothing is written
)
def test_the_folder_of_temporary_files_is_not_tried(environ: dict[str, str], folder: str) -> None:
    assert file_system.temporary_folder(environ) == Path(folder)
