"""`otelcol-lms health`, which the image uses because it has no shell."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from stack.native.tools import tool_path
from tests.collector_config import collector


def health(endpoint: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(tool_path("otelcol-lms")), "health", *options]
    environ = {"COLLECTOR_HEALTH_ENDPOINT": endpoint}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


def test_a_collector_is_healthy_until_it_hangs_or_ends(tmp_path: Path) -> None:
    with collector.running(["base.yaml", "mask.yaml"], tmp_path) as running:
        endpoint = running.environment["COLLECTOR_HEALTH_ENDPOINT"]
        assert health(endpoint).returncode == 0
        os.kill(running.process.pid, signal.SIGSTOP)
        hanging = health(endpoint, "-wait=1s", "-kill")
        os.kill(running.process.pid, signal.SIGCONT)
        # It is in no container here, where -kill would reach every process of the user.
        said = "-kill works only as a container's health check; nothing is killed"
        assert (hanging.returncode, hanging.stderr.splitlines()[-1]) == (1, said)
        assert health(endpoint).returncode == 0
    ended = health(endpoint, "-kill")
    assert ended.returncode == 1
    assert "connection refused" in ended.stderr
    assert "kill" not in ended.stderr


@pytest.mark.parametrize(
    ("endpoint", "options", "status", "said"),
    [
        ("127.0.0.1:1", ["-wait=soon"], 2, "invalid value"),
        ("not an address", [], 1, 'COLLECTOR_HEALTH_ENDPOINT is "not an address": give host:port'),
    ],
)
def test_what_it_cannot_use_is_named(endpoint: str, options: list[str], status: int, said: str) -> None:
    done = health(endpoint, *options)
    assert done.returncode == status
    assert said in done.stderr
