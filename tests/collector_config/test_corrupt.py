"""A queue file that a broken disk has left unreadable: the start fails, the rest is whole, a hand helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks

FILES = ("base.yaml", "jaeger.yaml", "loki.yaml")
PAGE = 4096
LOG = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "kept"}}]}]}]}


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _span(number: int) -> dict[str, Any]:
    span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "x"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def _left_behind(server: Intake, folder: Path) -> Path:
    """Runs a Collector whose stores are down until it is killed, and returns the file of Jaeger's queue."""
    server.status |= {"jaeger": 503, "loki": 503}
    with collector.running(FILES, folder, **sinks(server, folder)) as running:
        assert running.send("traces", _span(1)).status_code == 200
        assert running.send("logs", LOG).status_code == 200
        running.kill()
    server.status.clear()
    return folder / "state" / "queues" / "exporter_otlp_http_jaeger_traces"


def _run_again(server: Intake, folder: Path) -> None:
    """Runs it again: the other queue is intact, the broken one starts empty."""
    with collector.running(FILES, folder, **sinks(server, folder)) as running:
        assert running.send("traces", _span(2)).status_code == 200
        server.wait_for_items("jaeger", "traces", 1)
        server.wait_for_items("loki", "logs", 1)
        assert running.stop() == 0
    spans = otlp_json.items("traces", server.payload("jaeger", "traces"))
    assert [int(span["spanId"], 16) for span in spans] == [2], "what was in it is lost, in that sink only"


@pytest.mark.parametrize(
    ("kept", "filled", "says"),
    [
        pytest.param(0, True, 'failed to start "otlp_http/jaeger" exporter: invalid database', id="head"),
        pytest.param(PAGE, False, 'failed to start "otlp_http/jaeger" exporter: file size', id="cut short"),
        pytest.param(2 * PAGE, True, r"go\.etcd\.io/bbolt", id="pages"),
    ],
)
def test_a_broken_file_stops_the_start_until_it_is_moved_away(
    server: Intake, tmp_path: Path, kept: int, *, filled: bool, says: str
) -> None:
    """Follows the CollectorDown runbook. `recreate` helps with none of these in this version."""
    queue = _left_behind(server, tmp_path)
    content = queue.read_bytes()
    queue.write_bytes(content[:kept] + (b"\xa5" * (len(content) - kept) if filled else b""))
    with pytest.raises(AssertionError, match=says):
        _run_again(server, tmp_path)
    assert re.search(says, (tmp_path / "collector.log").read_text())
    queue.rename(queue.with_suffix(".aside"))
    _run_again(server, tmp_path)
