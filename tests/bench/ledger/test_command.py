"""The ledger's command: it shows its progress, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from stack.settings import REPOSITORY

PATIENCE = 90


def test_an_interrupt_stops_every_started_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.ledger", "--scenario", "all-down-unscaled"]
    with (
        (tmp_path / "output").open("w+") as output,
        subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=output, text=True) as ledger,
    ):
        assert ledger.stderr is not None
        try:
            assert "starting Prometheus, VictoriaLogs and Jaeger" in ledger.stderr.readline()
            assert ledger.stderr.readline().startswith("[1/1] ")
            started = psutil.Process(ledger.pid).children(recursive=True)
            assert {"prometheus", "victoria-logs", "jaeger"} <= {process.name() for process in started}
            ledger.send_signal(signal.SIGINT)
            assert ledger.wait(PATIENCE) == 130
            assert "interrupted" in ledger.stderr.read()
        finally:
            ledger.kill()
        output.seek(0)
        assert "Traceback" not in output.read()
    gone, alive = psutil.wait_procs(started, timeout=PATIENCE)
    assert len(gone) >= 3
    assert not alive


@pytest.mark.parametrize("arguments", [[], ["--short", "--long"], ["--nonsense"]])
def test_invalid_arguments_print_the_usage(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "bench.ledger", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "usage: python -m bench.ledger" in done.stderr


def test_help_names_every_form() -> None:
    command = [sys.executable, "-m", "bench.ledger", "--help"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60)
    assert all(form in done.stdout for form in ("--short", "--long", "--scenario NAME", "--list"))
