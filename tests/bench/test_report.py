from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

from bench.overhead.figures import Round, Series
from bench.overhead.report import Circumstances, write
from bench.overhead.variants import BARE, COPIED, OURS

CIRCUMSTANCES = Circumstances(
    moment="2026-01-02 03:04 UTC",
    machine="2 cores, load average 1.0",
    load_before="load average 0.5",
    python="3.11.7",
    fastapi="0.163.2",
)


def measured() -> list[Series]:
    rounds = {
        BARE: [Round(wall=100e-6, cpu=100e-6, path=100e-6)],
        COPIED: [Round(wall=1100e-6, cpu=1100e-6, path=900e-6)],
        OURS: [Round(wall=350e-6, cpu=350e-6, path=250e-6)],
    }
    arrived: dict[str, Mapping[str, float]] = {OURS: {"spans": 1.0, "logs": 1.0, "bytes": 850.0}}
    served = {
        name: [Round(wall=each[0].wall * 10, cpu=each[0].cpu, latency=0.004)] for name, each in rounds.items()
    }
    return [
        Series(
            100,
            served=False,
            requests=400,
            rounds=rounds,
            arrived=arrived,
            calls=dict.fromkeys(rounds, 600.0),
        ),
        Series(100, served=True, requests=400, rounds=served),
    ]


def test_page_data_and_chart_tell_the_same_figures(tmp_path: Path) -> None:
    page, data, plot = (path.read_text() for path in write(measured(), CIRCUMSTANCES, tmp_path))

    row = "| 350 (350 to 350) | 250 | 600 | 2,857 | 250 | 25% | 1 spans, 1 log records, 850 bytes |"
    assert f"| ours, every feature on {row}" in page
    assert "in-process, at 100 routes: **25%** (aim: at most 33%, reached)" in page
    assert "**29%** (aim: at least 85%, **not reached**)" in page
    assert "load average 0.5 before the run" in page
    assert json.loads(data)["series"][0]["rounds"][OURS][0]["cpu"] == 350e-6
    assert [aim["reached"] for aim in json.loads(data)["aims"]] == [True, False]
    assert ">350<" in plot
    ET.fromstring(plot)  # noqa: S314 - our own drawing, well-formed or not
