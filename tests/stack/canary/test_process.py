"""The canary as a process: its settings, its output, its exit."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from otel import ConfigError
from stack.canary.settings import Settings
from stack.native.probes import NO_CERTIFICATES
from stack.settings import REPOSITORY
from tests.programs import free_port, wait_until
from tests.stack.canary import peer as peers
from tests.stack.canary.peer import TOKEN, Peer

COMMAND = (sys.executable, "-m", "stack.canary")


@pytest.fixture(name="peer")
def _peer() -> Iterator[Peer]:
    with peers.listening() as peer:
        yield peer


@pytest.fixture(name="environ")
def _environ(peer: Peer, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text(TOKEN)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{peer.url}/",
        "OTLP_TOKEN_FILE": str(tmp_path / "token"),
        "PROMETHEUS_URL": peer.url,
        "LOKI_URL": peer.url,
        "TRACES_URL": peer.url,
        "CANARY_SECONDS": "0.2",
        "CANARY_LISTEN": f"127.0.0.1:{free_port()}",
    }


def _run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def _says(environ: Mapping[str, str]) -> str:
    try:
        return httpx.get(f"http://{environ['CANARY_LISTEN']}/metrics", timeout=5, verify=NO_CERTIFICATES).text
    except httpx.TransportError:
        return ""


def _value(said: str, series: str) -> float:
    """Returns the value of a series; 0 if there is none."""
    lines = (line.rpartition(" ") for line in said.splitlines())
    return next((float(value) for name, _, value in lines if name == series), 0.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_reports_arrivals_until_it_is_stopped(
    environ: dict[str, str], peer: Peer, number: signal.Signals
) -> None:
    wanted = [f'telemetry_canary_arrived_total{{signal="{each}"}}' for each in peer.stored]
    with subprocess.Popen(COMMAND, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(
                lambda: all(_value(_says(environ), each) >= 3 for each in wanted), "three of each arrived"
            )
            said = _says(environ)
        finally:
            process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "telemetry_canary_interval_seconds 0.2" in said
    assert "_created" not in said
    assert all(sorted(numbers)[:3] == [1, 2, 3] for numbers in peer.stored.values())


def test_it_survives_an_unreachable_collector_and_stores(environ: dict[str, str]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    keys = ("OTEL_EXPORTER_OTLP_ENDPOINT", "PROMETHEUS_URL", "LOKI_URL", "TRACES_URL")
    given = {**environ, **dict.fromkeys(keys, nobody)}
    wanted = 'telemetry_canary_failures_total{signal="logs",stage="send"}'
    with subprocess.Popen(COMMAND, env=given, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: _value(_says(given), wanted) >= 3, "three failures are counted")
        finally:
            process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert sorted(line.split(":")[0] for line in errors.splitlines()) == [
        f"WARNING {each}" for each in ("logs", "metrics", "traces")
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"LOKI_URL": ""},
            "LOKI_URL or VICTORIALOGS_URL (where logs must arrive): set one of them, not both.",
        ),
        ({"VICTORIALOGS_URL": "http://127.0.0.1:9428"}, "set one of them, not both."),
        ({"VICTORIALOGS_HEADERS_FILE": "/nowhere"}, "must be a readable file (No such file or directory)"),
        ({"VICTORIALOGS_HEADERS_FILE": os.devnull}, "must be a file whose first line is a header"),
        ({"PROMETHEUS_URL": "prometheus:9090"}, "must be an address such as http://"),
        ({"TRACES_URL": "http://tempo:99999"}, "must be an address such as http://"),
        ({"TRACES_URL": "http://user:word@tempo"}, "must be an address such as http://"),
        ({"OTLP_TOKEN_FILE": "/nowhere"}, "must be a readable file (No such file or directory)"),
        ({"OTLP_TOKEN_FILE": os.devnull}, "must be a file whose first line is the token"),
        ({"CANARY_SECONDS": "0"}, "must be a number from 0.1 to 3600"),
        ({"CANARY_SECONDS": "nan"}, "must be a number from 0.1 to 3600"),
        ({"CANARY_LISTEN": "9099"}, "must be host:port, such as 127.0.0.1:9099"),
        ({"CANARY_SECOND": "60"}, "CANARY_SECOND is not a setting: did you mean CANARY_SECONDS?"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_sentence(
    environ: dict[str, str], changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({**environ, **changes})
    said = str(caught.value)
    assert next(iter(changes)) in said
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_all_wrong_settings_are_reported_at_once(environ: dict[str, str]) -> None:
    done = _run({**environ, "PROMETHEUS_URL": "", "CANARY_SECONDS": "often"})
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["PROMETHEUS_URL", "CANARY_SECONDS"]


def test_a_port_in_use_is_reported(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = _run({**environ, "CANARY_LISTEN": address})
    assert (done.returncode, done.stderr) == (
        1,
        f"CANARY_LISTEN {address} cannot be used: Address already in use.\n",
    )


def test_help_names_every_variable(environ: dict[str, str]) -> None:
    done = _run(environ, "--help")
    assert done.returncode == 0
    assert [key for key in environ if key not in done.stdout] == ["PATH", "PYTHONPATH"]
