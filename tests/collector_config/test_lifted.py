"""The kit's tools in a copy of collector-config/ that has nothing else of this repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector_kit.fragments import FRAGMENTS
from stack.settings import REPOSITORY


@pytest.fixture(name="lifted", scope="module")
def _lifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "collector"
    shutil.copytree(FRAGMENTS, folder, ignore=shutil.ignore_patterns("distribution", "__pycache__"))
    return folder


def _run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_arguments_name_the_copys_own_files(lifted: Path) -> None:
    addresses = {"PROMETHEUS_URL": "http://p", "LOKI_URL": "http://l", "COLLECTOR_STATE_DIR": "/state"}
    done = _run(lifted, "collector_kit.fragments", "all-in-one", OTLP_TOKEN_FILE="/token", **addresses)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"--config={lifted / 'base.yaml'}"


def test_a_variable_that_is_not_set_is_named(lifted: Path) -> None:
    done = _run(lifted, "collector_kit.fragments", "all-in-one")
    assert done.returncode == 2
    assert "COLLECTOR_STATE_DIR (base.yaml)" in done.stderr


@pytest.mark.parametrize(
    ("tool", "file"), [("collector_kit.masking", "mask.yaml"), ("collector_kit.page", "FRAGMENTS.md")]
)
def test_a_generated_file_is_the_same_as_here(lifted: Path, tool: str, file: str) -> None:
    done = _run(lifted, tool)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (FRAGMENTS / file).read_text()


def test_the_windows_are_compared_with_the_teams_own_stores(lifted: Path) -> None:
    prometheus = lifted / "prometheus.yml"
    text = (REPOSITORY / "stack" / "prometheus" / "prometheus.yml").read_text()
    prometheus.write_text(text)
    asked = (
        "collector_kit.windows",
        "--prometheus",
        prometheus.name,
        "--retention",
        "Jaeger's retention=72h",
    )
    done = _run(lifted, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the fullest queue <= Prometheus' out_of_order_time_window" in done.stdout
    assert "the fullest queue <= Jaeger's retention" in done.stdout
    assert "Loki" not in done.stdout, "a store that is not given is not compared"
    prometheus.write_text(text.replace("time_window: 6h30m", "time_window: 30m"))
    assert _run(lifted, *asked, "--quiet").returncode == 1


def test_a_duration_without_a_name_is_an_error(lifted: Path) -> None:
    done = _run(lifted, "collector_kit.windows", "--retention", "72h")
    assert done.returncode == 2
    assert "'72h' is not NAME=DURATION" in done.stderr
