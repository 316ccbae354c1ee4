"""With our build, the edge logs what it rejects: each kind at once, and then how many there were."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.collector_config import collector
from tests.collector_config.bad_input import BAD, TEXT
from tests.collector_config.chains import MASK, with_chain
from tests.collector_config.collector import Collector
from tests.programs import wait_until

NOT_COMPRESSED = sum("ompress" in name and "bomb" not in name for name in BAD)


def _said(edge: Collector) -> Iterator[dict[str, Any]]:
    for line in edge.log().splitlines():
        if "requests were refused" in line:
            yield json.loads(line)


def test_each_kind_of_refusal_is_said_once_and_all_are_counted(tmp_path: Path) -> None:
    sent = Counter[int]()
    with collector.running(with_chain(MASK, ["base.yaml", "file.yaml"]), tmp_path) as edge:
        assert edge.post("traces", TEXT).status_code == 200
        assert not list(_said(edge))
        for body, headers, status in [*BAD.values(), *BAD.values()]:
            assert edge.post("traces", body, headers).status_code == status
            sent[status] += 1
        # No token; no OTLP; no good body; not compressed as it says.
        wait_until(lambda: len(list(_said(edge))) == 4, lambda: f"it says four lines: {edge.log()}")
        assert [line["count"] for line in _said(edge)] == [1] * 4
        assert edge.post("traces", TEXT).status_code == 200
        edge.stop()
    told = Counter[int]()
    for line in _said(edge):
        told[line.get("http.response.status_code", 0)] += line["count"]
    # What is not compressed as it says has no status there: the content type makes it 400 or 500.
    assert told.pop(0) == 2 * NOT_COMPRESSED
    assert told.total() == sent.total() - 2 * NOT_COMPRESSED
    assert (told[401], told[415]) == (sent[401], sent[415])
    assert len(list(_said(edge))) == 8, "the rest of each kind, at the end"
