"""The real Collector with some fragments, for one test, on free ports and in its own folder."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from collector_kit.fragments import FRAGMENTS, arguments
from stack.native.probes import NO_CERTIFICATES
from stack.native.tools import tool_path
from tests.collector_config import otlp_json
from tests.programs import free_port, wait_until

PATIENCE = 30.0
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass
class Collector:
    """A running Collector: its addresses, its log and its metrics."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    folder: Path
    token: str

    @property
    def url(self) -> str:
        """Returns the URL of its OTLP receiver."""
        return f"http://{self.environment['COLLECTOR_OTLP_ENDPOINT']}"

    def send(self, signal: str, payload: Mapping[str, Any]) -> httpx.Response:
        """Posts one OTLP JSON payload with the token."""
        return self.post(signal, json.dumps(payload).encode())

    def post(self, signal: str, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Posts a body; ``headers`` replace the content type and the token."""
        usual = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        merged = {key: value for key, value in {**usual, **(headers or {})}.items() if value}
        return httpx.post(
            f"{self.url}/v1/{signal}", content=body, headers=merged, timeout=30, verify=NO_CERTIFICATES
        )

    def log(self) -> str:
        """Returns all of its output."""
        return (self.folder / "collector.log").read_text()

    def metric(self, name: str, **labels: str) -> float:
        """Returns the sum of its own samples with that name and those label values."""
        port = self.environment["COLLECTOR_METRICS_PORT"]
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10, verify=NO_CERTIFICATES).text
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        found = [match for match in _SAMPLE.finditer(text) if match[1] == name]
        return sum(float(match[3]) for match in found if all(pair in (match[2] or "") for pair in wanted))

    def wait_for_metric(self, name: str, minimum: float, **labels: str) -> None:
        """Waits until one of its own metrics has reached a value.

        Raises:
            TimeoutError: it has not in time; with its log.
        """
        wait_until(
            lambda: self.metric(name, **labels) >= minimum,
            lambda: f"{name}{labels} reaches {minimum}: {self.log()[-2000:]}",
        )

    def written(self, signal: str) -> dict[str, Any]:
        """Returns what file.yaml has written for a signal so far, as one payload."""
        path = self.folder / "files" / f"{signal}.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return otlp_json.merge(signal, whole)

    def stop(self) -> int:
        """Terminates it and returns its exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Kills it, as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of base.yaml and file.yaml, in a folder and on free ports, plus those given."""
    token = folder / "token"
    if not token.exists():
        token.write_text(secrets.token_hex(16) + "\n")
    return {
        "COLLECTOR_OTLP_ENDPOINT": f"127.0.0.1:{free_port()}",
        "COLLECTOR_HEALTH_ENDPOINT": f"127.0.0.1:{free_port()}",
        "COLLECTOR_METRICS_PORT": str(free_port()),
        "COLLECTOR_STATE_DIR": str(folder / "state"),
        "COLLECTOR_FILE_DIR": str(folder / "files"),
        "OTLP_TOKEN_FILE": str(token),
        # The cases have fixed times, far from now.
        "PROMETHEUS_OLDEST": "1000000h",
        "PROMETHEUS_AHEAD": "1000000h",
        **given,
    }


def validate(files: Sequence[str | Path], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the Collector's own check of some fragments."""
    command = [str(tool_path("otelcol-lms")), "validate", *arguments([FRAGMENTS / name for name in files])]
    return subprocess.run(
        command, env=dict(variables), capture_output=True, text=True, check=False, timeout=60
    )


@contextmanager
def running(
    files: Sequence[str | Path], folder: Path, *, before: Sequence[str] = (), **given: str
) -> Iterator[Collector]:
    """Runs the Collector with fragments (names in collector-config/, or paths) until the block ends.

    ``before`` is a command that runs the one after it, such as a shell that sets a limit.

    Raises:
        AssertionError: it exited or was not healthy in time; with its output.
    """
    paths = [FRAGMENTS / name for name in files]
    variables = environment(folder, given)
    program = str(tool_path("otelcol-lms"))
    command = [*before, program, *arguments(paths)]
    with (folder / "collector.log").open("ab") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    token = (folder / "token").read_text().strip()
    collector = Collector(process, variables, folder, token)
    try:
        _wait_until_healthy(collector)
        yield collector
    finally:
        collector.process.terminate()
        _end(collector.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)
        raise


def _wait_until_healthy(collector: Collector) -> None:
    def healthy() -> bool:
        assert collector.process.poll() is None, f"the Collector ended: {collector.log()[-3000:]}"
        return _healthy(collector)

    wait_until(healthy, lambda: f"the Collector is healthy: {collector.log()[-3000:]}")


def _healthy(collector: Collector) -> bool:
    try:
        url = f"http://{collector.environment['COLLECTOR_HEALTH_ENDPOINT']}/"
        return httpx.get(url, timeout=1, verify=NO_CERTIFICATES).is_success
    except httpx.TransportError:
        return False
