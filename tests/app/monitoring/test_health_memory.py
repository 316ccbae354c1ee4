"""The memory limit of a container, by the files that the kernel writes (cgroup v2)."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from app.monitoring.checks.system import LoopLag, SystemProbe
from app.monitoring.health_memory import memory_limit
from tests.app.conftest import make_settings
from tests.app.monitoring.measured import by_name, wrong

MIB = 2**20


def group(folder: Path, most: str, used: int = 80 * MIB, inactive: int = 30 * MIB) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon {used - inactive}\ninactive_file {inactive}\n")


@pytest.fixture(name="own")
def _own(tmp_path: Path) -> Path:
    own = tmp_path / "own"
    own.write_text("4:memory:/elsewhere\n0::/slice/service\n")
    return own


def test_cached_files_do_not_count(tmp_path: Path, own: Path) -> None:
    group(tmp_path / "slice" / "service", str(100 * MIB))
    assert memory_limit(tmp_path, own) == (50 * MIB, 100 * MIB)


def test_the_fullest_group_counts(tmp_path: Path, own: Path) -> None:
    group(tmp_path / "slice" / "service", str(1000 * MIB))
    group(tmp_path / "slice", str(100 * MIB), used=90 * MIB, inactive=0)
    assert memory_limit(tmp_path, own) == (90 * MIB, 100 * MIB)


@pytest.mark.parametrize("most", ["max", "0", "", "many"])
def test_a_group_without_a_limit_has_none(tmp_path: Path, own: Path, most: str) -> None:
    group(tmp_path / "slice" / "service", most)
    assert memory_limit(tmp_path, own) is None


@pytest.mark.parametrize("lines", ["", "0::/../../outside\n", "0::/\n", "4:memory:/elsewhere\n", "garbage\n"])
def test_without_files_there_is_no_limit(tmp_path: Path, lines: str) -> None:
    (tmp_path / "own").write_text(lines)
    assert memory_limit(tmp_path / "root", tmp_path / "own") is None
    assert memory_limit(tmp_path / "root", tmp_path / "missing") is None


async def test_a_container_that_is_nearly_full_is_a_warning(tmp_path: Path, own: Path) -> None:
    settings = make_settings("mongodb://x/y", "redis://x", health_max_memory=0.95)
    probe = SystemProbe(settings, LoopLag(30), lambda: memory_limit(tmp_path, own))
    group(tmp_path / "slice" / "service", str(52 * MIB))
    measured = await probe()
    assert wrong(measured) == ["memory"]
    assert by_name(measured)["memory"].output == "96% of the container's 54,525,952 bytes of memory are used."
    for most in (psutil.virtual_memory().total * 2, "max"):
        group(tmp_path / "slice" / "service", str(most), used=10**15)
        assert wrong(await probe()) == []
