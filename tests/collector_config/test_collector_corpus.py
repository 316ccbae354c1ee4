"""The corpus through the real Collector, with both chains: what must be masked is written nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.collector_config import collector, otlp_json
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.corpus_items import Parts, attributes, text
from tests.redaction.cases import cases_for, leaks, losses, strings

CASES = cases_for("collector")
FILES = ["base.yaml", "file.yaml"]
KINDS = {"traces": "spans", "logs": "records", "metrics": "metrics"}

Left = dict[int, dict[str, list[str]]]


def _request(signal: str) -> dict[str, Any]:
    """Returns all cases as one request, each with its own resource and scope."""
    root = otlp_json.ROOTS[signal]
    scopes = root.replace("resource", "scope")
    resources = []
    for number, case in enumerate(CASES):
        parts = Parts(case)
        name = attributes({"service.name": text(f"case-{number}")})
        scope = {"name": parts.words, "version": parts.words, "attributes": attributes(parts.attributes)}
        items = getattr(parts, KINDS[signal])()
        resource = {"attributes": [*name, *attributes(parts.attributes)]}
        resources.append({"resource": resource, scopes: [{"scope": scope, **items}]})
    return {root: resources}


@cache
def _left(chain: str, folder: Path) -> Left:
    """Returns the texts that the chain wrote, by the number of the case and the signal."""
    with collector.running(with_chain(chain, FILES), folder) as running:
        for signal in KINDS:
            answer = running.send(signal, _request(signal))
            assert answer.status_code == 200, answer.text
        for signal, unit in (("traces", "spans"), ("logs", "log_records"), ("metrics", "metric_points")):
            running.wait_for_metric(f"otelcol_exporter_sent_{unit}_total", 1, exporter=f"file/{signal}")
        assert running.stop() == 0
    left: Left = defaultdict(lambda: defaultdict(list))
    for signal in KINDS:
        for number, shown in _by_case(signal, running.written(signal)):
            left[number][signal] += strings(shown)
    return left


def _by_case(signal: str, payload: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    for resource in payload[otlp_json.ROOTS[signal]]:
        names = [
            each["value"] for each in resource["resource"]["attributes"] if each["key"] == "service.name"
        ]
        yield int(names[0]["stringValue"].removeprefix("case-")), resource


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(name="left", scope="module")
def _left_by_chain(folder: Path) -> dict[str, Left]:
    found = {}
    for chain in CHAINS:
        (folder / chain).mkdir()
        found[chain] = _left(chain, folder / chain)
    return found


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number]))
def test_nothing_that_must_be_masked_is_written(number: int, chain: str, left: dict[str, Left]) -> None:
    case, found = CASES[number], left[chain][number]
    assert {signal: texts for signal in KINDS if (texts := leaks(case, found[signal]))} == {}
    assert {signal: lost for signal in ("traces", "logs") if (lost := losses(case, found[signal]))} == {}


def test_both_chains_write_the_same(left: dict[str, Left]) -> None:
    first, second = (left[chain] for chain in CHAINS)
    assert first == second
    assert len(first) == len(CASES)
