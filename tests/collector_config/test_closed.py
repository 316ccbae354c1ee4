"""Redaction fails closed: a request that it cannot process is rejected and exported nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector_kit.fragments import FRAGMENTS
from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.chains import MASK, with_chain
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks

NOW = str(time.time_ns())
# A statement that fails for one value of an attribute, beside the statements of the stage, by signal.
FAILS = 'set({0}.attributes["n"], ParseJSON({0}.attributes["json"])) where {0}.attributes["json"] != nil'
CONTEXTS = {"traces": "span", "metrics": "datapoint", "logs": "log"}
STATEMENTS = {"traces": "trace_statements", "metrics": "metric_statements", "logs": "log_statements"}
SINKS = {"traces": ("jaeger", "sentry"), "metrics": ("prometheus",), "logs": ("loki", "sentry")}
FILES = ("base.yaml", "jaeger.yaml", "prometheus.yaml", "loki.yaml", "sentry.yaml", "file.yaml")


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _item(signal: str, text: str) -> dict[str, Any]:
    attributes = [{"key": "json", "value": {"stringValue": text}}]
    point = {"timeUnixNano": NOW, "asInt": "1", "attributes": attributes}
    items: dict[str, Any] = {
        "traces": {"spans": [{"traceId": "1" * 32, "spanId": "1" * 16, "attributes": attributes}]},
        "metrics": {"metrics": [{"name": "x", "gauge": {"dataPoints": [point]}}]},
        "logs": {"logRecords": [{"timeUnixNano": NOW, "severityNumber": 17, "attributes": attributes}]},
    }
    root = otlp_json.ROOTS[signal]
    return {root: [{root.replace("resource", "scope"): [items[signal]]}]}


@pytest.mark.parametrize("stage", ["transform/bound", "transform/restore"])
@pytest.mark.parametrize("signal", otlp_json.ROOTS)
def test_a_failing_stage_rejects_the_request_and_exports_nothing(
    signal: str, stage: str, server: Intake, tmp_path: Path
) -> None:
    """Before and after redaction: the stages that copy what it masks, and put it back."""
    groups = yaml.safe_load((FRAGMENTS / "base.yaml").read_text())["processors"][stage][STATEMENTS[signal]]
    overlay = {"processors": {stage: {STATEMENTS[signal]: [*groups, _failing(signal)]}}}
    _refused_and_sent_nowhere(signal, FILES, overlay, server, tmp_path)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("signal", otlp_json.ROOTS)
def test_a_failure_next_to_mask_rejects_the_request_and_exports_nothing(
    signal: str, place: str, server: Intake, tmp_path: Path
) -> None:
    """No item makes `mask` itself fail; its Go test does, and checks the rejection."""
    processors = yaml.safe_load((FRAGMENTS / "mask.yaml").read_text())["service"]["pipelines"]
    chain = processors[f"{signal}/clean"]["processors"]
    chain.insert(chain.index("mask") + (place == "after"), "transform/failing")
    failing = {"error_mode": "propagate", STATEMENTS[signal]: [_failing(signal)]}
    overlay = {
        "processors": {"transform/failing": failing},
        "service": {"pipelines": {f"{signal}/clean": {"processors": chain}}},
    }
    _refused_and_sent_nowhere(signal, with_chain(MASK, FILES), overlay, server, tmp_path)


def _failing(signal: str) -> dict[str, Any]:
    return {"context": CONTEXTS[signal], "statements": [FAILS.format(CONTEXTS[signal])]}


def _refused_and_sent_nowhere(
    signal: str, files: Sequence[str | Path], overlay: dict[str, Any], server: Intake, folder: Path
) -> None:
    fragment = folder / "failing.yaml"
    fragment.write_text(json.dumps(overlay))
    paths = [*(FRAGMENTS / name for name in files), fragment]
    unit = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}[signal]
    with collector.running(paths, folder, **sinks(server, folder)) as running:
        refusal = running.send(signal, _item(signal, "needle {"))
        assert refusal.status_code in {500, 503}, refusal.text
        assert (
            running.metric(f"otelcol_receiver_refused_{unit}_total")
            + running.metric(f"otelcol_receiver_failed_{unit}_total")
            == 1
        )
        assert running.send(signal, _item(signal, "{}")).status_code == 200
        for sink in SINKS[signal]:
            server.wait_for_items(sink, signal, 1)
        assert running.stop() == 0
    for sink in SINKS[signal]:
        assert server.items(sink, signal) == 1
        assert "needle" not in str(server.payload(sink, signal))
    assert "needle" not in str(running.written(signal))


def test_no_fragment_ignores_an_error_of_a_processor() -> None:
    modes = {
        f"{path.name}: {name}": processor["error_mode"]
        for path in FRAGMENTS.glob("*.yaml")
        for name, processor in (yaml.safe_load(path.read_text()).get("processors") or {}).items()
        if name.startswith(("transform", "filter"))
        and any(processor[key] for key in processor if key != "error_mode")
    }
    assert len(modes) >= 6
    assert set(modes.values()) == {"propagate"}
