"""What `mask` truncates and drops is counted by signal, and logged in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.collector_config import collector
from tests.collector_config.chains import MASK, with_chain

CUT, DROPPED = "otelcol_processor_mask_texts_cut_total", "otelcol_processor_mask_attributes_dropped_total"


def _attributes(count: int) -> list[dict[str, Any]]:
    return [{"key": f"k{index}", "value": {"stringValue": "v" * 20_000}} for index in range(count)]


def test_what_mask_truncates_is_counted_and_logged_once(tmp_path: Path) -> None:
    span = {"traceId": "0a" * 16, "spanId": "0b" * 8, "name": "n" * 300, "attributes": _attributes(2)}
    record = {"body": {"stringValue": "b" * 70_000}, "attributes": _attributes(130)}
    with collector.running(with_chain(MASK, ["base.yaml", "file.yaml"]), tmp_path) as running:
        for _ in range(2):
            spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
            assert running.send("traces", spans).status_code == 200
            records = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
            assert running.send("logs", records).status_code == 200
        assert running.metric(CUT, otel_signal="traces", processor="mask") == 2 * 3
        assert running.metric(CUT, otel_signal="logs") == 2 * (128 + 1)
        assert running.metric(DROPPED, otel_signal="logs") == 2 * 2
        assert running.metric(DROPPED, otel_signal="traces") == 0
        said = [line for line in running.log().splitlines() if "items exceeded the bounds" in line]
    assert len(said) == 2, "one a signal"
    assert "vvv" not in "".join(said)
