"""The processor of our own build does what the stock chain of base.yaml does, to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector_config import collector, otlp_json
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.oddities import Json, Oddities

ITEMS = 240
FLAT = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}
PARTS = {"traces": "spans", "metrics": "metrics", "logs": "logRecords"}
# Each item has its own timestamps.
MOMENT = re.compile(r'"(17955\d{14})"')
FILES = ["base.yaml", "file.yaml"]


def _kept(chain: str, requests: list[tuple[str, Json]], folder: Path) -> dict[str, list[Json]]:
    """Sends the requests through a chain and returns what was written, by signal."""
    folder.mkdir()
    with collector.running(with_chain(chain, FILES), folder) as running:
        for signal, request in requests:
            answer = running.post(signal, json.dumps(request, ensure_ascii=False).encode())
            assert answer.status_code == 200, answer.text
        for signal, unit in FLAT.items():
            sent = sum(1 for each, _ in requests if each == signal) * ITEMS
            running.wait_for_metric(f"otelcol_exporter_sent_{unit}_total", sent, exporter=f"file/{signal}")
        assert running.stop() == 0
    return {signal: sorted(_entries(signal, running.written(signal)), key=_moment) for signal in FLAT}


def _entries(signal: str, payload: Json) -> Iterator[Json]:
    """Yields every item with everything that it shares with others."""
    root = otlp_json.ROOTS[signal]
    kind, name = root.replace("resource", "scope"), PARTS[signal]
    for resource in payload[root]:
        around = {key: value for key, value in resource.items() if key != kind}
        for scope in resource[kind]:
            shared = {key: value for key, value in scope.items() if key != name}
            yield from ({"resource": around, "scope": shared, "item": item} for item in scope[name])


def _moment(entry: Json) -> int:
    return min(map(int, MOMENT.findall(json.dumps(entry["item"]))))


@pytest.mark.parametrize("seed", range(3))
def test_both_chains_give_the_same_result_for_thousands_of_odd_values(seed: int, tmp_path: Path) -> None:
    odd = Oddities(seed)
    requests = [(signal, getattr(odd, signal)(ITEMS)) for signal in FLAT for _ in range(2)]
    stock, mask = (_kept(chain, requests, tmp_path / chain) for chain in CHAINS)
    for signal, entries in stock.items():
        assert len(entries) == 2 * ITEMS
        assert json.dumps(entries).count("****") > ITEMS
        for one, other in zip(entries, mask[signal], strict=True):
            assert one == other
