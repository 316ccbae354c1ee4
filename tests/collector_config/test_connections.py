"""Idle connections: closed in time, bounded in number, harmless to the others."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from collector_kit.fragments import FRAGMENTS
from stack.native.plan import SOURCE
from stack.settings import REPOSITORY
from tests.collector_config import collector, intake
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks

FILES = 100
LIMIT = ("/bin/sh", "-c", f'ulimit -n {FILES}; exec "$0" "$@"')
SPAN = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "1" * 16}]}]}]}


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _connected(running: Collector, stack: ExitStack) -> socket.socket:
    host, _, port = running.environment["COLLECTOR_OTLP_ENDPOINT"].partition(":")
    return stack.enter_context(socket.create_connection((host, int(port)), timeout=60))


def _overlay(folder: Path, **timeouts: str) -> str:
    """Returns the path of a fragment with these timeouts of the receiver; the others are an hour."""
    names = ("read_header_timeout", "read_timeout", "write_timeout", "idle_timeout")
    http = {name: timeouts.get(name, "1h") for name in names}
    path = folder / "timeouts.yaml"
    path.write_text(yaml.safe_dump({"receivers": {"otlp": {"protocols": {"http": http}}}}))
    return str(path)


def test_the_fragment_bounds_how_long_a_connection_may_be_idle() -> None:
    http = yaml.safe_load((FRAGMENTS / "base.yaml").read_text())["receivers"]["otlp"]["protocols"]["http"]
    assert {name: value for name, value in http.items() if name.endswith("_timeout")} == {
        "read_header_timeout": "5s",
        "read_timeout": "15s",
        "write_timeout": "30s",
        "idle_timeout": "60s",
    }


def test_idle_connections_beyond_the_limit_are_closed(server: Intake, tmp_path: Path) -> None:
    files = ["base.yaml", "jaeger.yaml", _overlay(tmp_path, read_header_timeout="1s")]
    with (
        ExitStack() as stack,
        collector.running(files, tmp_path, before=LIMIT, **sinks(server, tmp_path)) as running,
    ):
        silent = [_connected(running, stack) for _ in range(3 * FILES)]
        assert running.send("traces", SPAN).status_code == 200
        assert all(each.recv(1) == b"" for each in silent), "the Collector closes each"
        assert running.send("traces", SPAN).status_code == 200
        server.wait_for_items("jaeger", "traces", 2)
        assert running.log().count("too many open files") < FILES
        assert running.stop() == 0


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n", id="half a header"),
    ],
)
def test_an_idle_connection_is_closed(tmp_path: Path, sent: bytes) -> None:
    files = ["base.yaml", _overlay(tmp_path, read_header_timeout="1s")]
    with ExitStack() as stack, collector.running(files, tmp_path) as running:
        connection = _connected(running, stack)
        connection.sendall(sent)
        assert connection.recv(1) in {b"", b"H"}  # closed, at best with a 408


def test_a_missing_body_is_not_waited_for(tmp_path: Path) -> None:
    files = ["base.yaml", _overlay(tmp_path, read_timeout="1s")]
    with ExitStack() as stack, collector.running(files, tmp_path) as running:
        connection = _connected(running, stack)
        head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        connection.sendall(head.encode())
        answer = connection.recv(100)
        assert not answer or re.match(rb"HTTP/1.1 [45]", answer)


def test_both_stacks_bound_the_number_of_connections() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    native = yaml.safe_load(SOURCE.read_text())
    assert compose["services"]["collector"]["ulimits"] == {"nofile": 1024}
    assert "ulimit -n 1024;" in native["processes"]["collector"]["entrypoint"][2]
