"""A queue file that a broken disk has left unreadable.

With file_storage the start fails, the rest is whole, a hand helps. The journal starts without what is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks
from tests.programs import wait_until

FILES = ("base.yaml", "jaeger.yaml", "loki.yaml")
JOURNAL = ("base.yaml", "journal.yaml", "jaeger.yaml", "loki.yaml")
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


def _kept(server: Intake, folder: Path, files: tuple[str, ...], spans: range) -> None:
    """Runs a Collector whose stores are down, gives it these spans and a log record, and kills it."""
    server.status |= {"jaeger": 503, "loki": 503}
    with collector.running(files, folder, **sinks(server, folder)) as running:
        for number in spans:
            assert running.send("traces", _span(number)).status_code == 200
        assert running.send("logs", LOG).status_code == 200
        running.kill()
    server.status.clear()


def _numbers(server: Intake) -> set[int]:
    spans = otlp_json.items("traces", server.payload("jaeger", "traces"))
    return {int(span["spanId"], 16) for span in spans}


def test_a_damaged_journal_costs_what_is_damaged_and_is_reported(server: Intake, tmp_path: Path) -> None:
    _kept(server, tmp_path, JOURNAL, range(1, 4))
    (segment,) = (tmp_path / "state" / "journal" / "exporter_otlp_http_jaeger_traces").glob("*.journal")
    content = bytearray(segment.read_bytes())
    content[content.index((2).to_bytes(8))] ^= 1
    segment.write_bytes(content)
    with collector.running(JOURNAL, tmp_path, **sinks(server, tmp_path)) as running:
        assert running.send("traces", _span(4)).status_code == 200
        wait_until(lambda: {1, 3, 4} <= _numbers(server), "the rest is sent")
        server.wait_for_items("loki", "logs", 1)
        damaged = running.metric("otelcol_journal_storage_damaged_files")
        assert damaged == running.metric(
            "otelcol_journal_storage_damaged_files", queue="exporter_otlp_http_jaeger_traces"
        )
        assert damaged == 1
        assert running.metric("otelcol_journal_storage_size_bytes") >= len(content)
        assert running.log().count("the journal is damaged") == 1
        assert running.stop() == 0
    assert 2 not in _numbers(server)
    assert segment.with_name(f"{segment.name}.damaged").read_bytes() == content


def test_the_journal_takes_over_what_file_storage_kept(server: Intake, tmp_path: Path) -> None:
    _kept(server, tmp_path, FILES, range(1, 30))
    with collector.running(JOURNAL, tmp_path, **sinks(server, tmp_path)) as running:
        wait_until(lambda: set(range(1, 30)) <= _numbers(server), "all is sent")
        server.wait_for_items("loki", "logs", 1)
        assert running.stop() == 0
    assert list((tmp_path / "state" / "queues").iterdir()) == []


def test_a_second_collector_on_the_same_journal_is_refused(server: Intake, tmp_path: Path) -> None:
    with (
        collector.running(JOURNAL, tmp_path, **sinks(server, tmp_path)),
        pytest.raises(AssertionError, match="journal is in use by another Collector"),
        collector.running(JOURNAL, tmp_path, **sinks(server, tmp_path)),
    ):
        pass
