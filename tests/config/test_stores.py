"""Prometheus' and Loki's configurations by their real checkers, and the windows that hold them together."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stack import windows
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.config import stores


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)


def test_promtool_accepts_prometheus_configuration(tmp_path: Path) -> None:
    file = stores.prometheus_tree(tmp_path / "etc", {"collector": ["127.0.0.1:8888"]})
    done = _run(tool_path("promtool"), "check", "config", "--lint=all", "--lint-fatal", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_loki_accepts_its_configuration(tmp_path: Path) -> None:
    flags = [f"-config.file={stores.LOKI}", "-config.expand-env=true", "-verify-config"]
    done = _run("/usr/bin/env", f"LOKI_DATA_DIR={tmp_path}", tool_path("loki"), *flags)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_windows_agree_as_the_files_are() -> None:
    broken = [rule.text for rule in windows.rules(REPOSITORY, {}) if not rule.holds()]
    assert broken == []
    assert windows.main(["--quiet"]) == 0


@pytest.fixture(name="copy")
def _copy(tmp_path: Path) -> Path:
    for name in ("collector-config", "stack/prometheus", "stack/loki", "stack/tempo"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("distribution"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "stack/prometheus/prometheus.yml",
            "time_window: 6h",
            "time_window: 30m",
            "out_of_order_time_window",
        ),
        ("stack/loki/loki.yml", "max_chunk_age: 12h", "max_chunk_age: 2h", "max_chunk_age"),
        ("stack/loki/loki.yml", "max_age: 168h", "max_age: 1h", "reject_old_samples_max_age"),
        ("stack/loki/loki.yml", "max_line_size: 256KB", "max_line_size: 32KB", "max_line_size"),
        ("stack/tempo/tempo.yaml", "slack: 6h", "slack: 2m", "slack"),
        ("stack/tempo/tempo.yaml", "bytes: 16384", "bytes: 2048", "span attributes"),
        ("collector-config/windows.yml", "outage: 5h", "outage: 3d", "the outage"),
        ("collector-config/loki.yaml", ":-536870912", ":-1048576", "the outage"),
        ("collector-config/loki.yaml", "elapsed_time: 0s", "elapsed_time: 300s", "max_elapsed_time"),
        ("collector-config/otlp.yaml", "max_size: 2097152", "max_size: 8388608", "body limit"),
        ("collector-config/base.yaml", ":-2147483648", ":-1073741824", "file_storage max_size"),
    ],
)
def test_a_window_that_disagrees_is_found(copy: Path, file: str, old: str, new: str, says: str) -> None:
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    broken = [rule.text for rule in windows.rules(copy, {}) if not rule.holds()]
    assert broken
    assert any(says in text for text in broken)


def test_the_environment_counts_as_well() -> None:
    broken = [rule.text for rule in windows.rules(REPOSITORY, {"LOKI_RETENTION": "2h"}) if not rule.holds()]
    assert broken == ["the fullest queue <= Loki's retention_period (s)"]


@pytest.mark.parametrize("text", ["6", "h", "6 hours", "", None])
def test_what_is_no_duration_is_named(text: object) -> None:
    with pytest.raises(windows.WindowsError, match="no duration"):
        windows.seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("1h30m", 5400), ("0s", 0), ("168h", 604800), ("15d", 1296000)]
)
def test_durations(text: str, expected: float) -> None:
    assert windows.seconds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [(10, 10), ("256KB", 262144), ("1GiB", 1073741824)])
def test_sizes(text: object, expected: int) -> None:
    assert windows.size(text) == expected
