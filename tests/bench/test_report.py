from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

from bench.overhead.breakdown import breakdown
from bench.overhead.figures import CALLING, SENDING, SERVING, Round, Series
from bench.overhead.redaction import Redaction, measure_redaction
from bench.overhead.report import Alone, Circumstances, write
from bench.overhead.variants import BARE, COPIED, OURS, UNCONTRIBUTED, UNMATCHED, VARIANTS
from bench.overhead.worst import Worst

CIRCUMSTANCES = Circumstances(
    moment="2026-01-02 03:04 UTC",
    machine="2 cores, load average 1.0",
    load_before="load average 0.5",
    python="3.11.7",
    fastapi="0.163.2",
)

REDACTION = Redaction(log=(9e-6, 3e-6, 4e-6), log_values=10, span=(2e-6, 2.5e-6, 3e-6), span_values=12)
WORST = [
    Worst("a record", "a graph", seconds=0.0031, first=0.0044, aim=0.005),
    Worst("a failing request", "2,000 causes", seconds=0.0301, first=0.04, aim=0.025),
]


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


def test_page_data_and_chart_show_the_same_figures(tmp_path: Path) -> None:
    alone = Alone(REDACTION, WORST)
    page, data, plot = (path.read_text() for path in write(measured(), CIRCUMSTANCES, alone, tmp_path))

    row = "| 350 (350 to 350) | 250 | 600 | 2,857 | 250 | 25% | 1 spans, 1 log records, 850 bytes |"
    assert f"| ours, every feature on {row}" in page
    assert "in-process, at 100 routes: **25%** (aim: at most 33%, reached)" in page
    assert "**29%** (aim: at least 85%, **not reached**)" in page
    assert "load average 0.5 before the run" in page
    assert json.loads(data)["series"][0]["rounds"][OURS][0]["cpu"] == 350e-6
    assert [aim["reached"] for aim in json.loads(data)["aims"]] == [True, False]
    assert "`Redactor` takes **4.0 µs** for a log record with 10 fields and **2.5 µs** for\na span" in page
    assert "median of 3 repeats" in page
    assert json.loads(data)["redaction"]["log"] == [9e-6, 3e-6, 4e-6]
    assert "| a record | **3.1 ms** (4.4) | a graph | 5 ms, reached |" in page
    assert "| a failing request | **30.1 ms** (40.0) | 2,000 causes | 25 ms, **not reached** |" in page
    assert json.loads(data)["worst"][0]["seconds"] == 0.0031
    assert ">350<" in plot
    ET.fromstring(plot)  # noqa: S314 - our own drawing, well-formed or not


def test_redaction_is_measured_by_itself() -> None:
    found = measure_redaction(repeats=2, items=10)

    assert (len(found.log), len(found.span)) == (2, 2)
    assert found.log_values > 0
    assert found.span_values > 0


def everything() -> list[Series]:
    rounds = {
        each.name: [Round(wall=1e-3, cpu=(100 + 10 * number) * 1e-6, path=(100 + 8 * number) * 1e-6)]
        for number, each in enumerate(VARIANTS)
    }
    threads = {
        BARE: {SERVING: 300e-6, CALLING: 200e-6},
        OURS: {SERVING: 420e-6, CALLING: 260e-6, SENDING: 30e-6},
    }
    served = {
        name: [Round(wall=1e-3, cpu=sum(used.values()), latency=0.004, threads=used)]
        for name, used in threads.items()
    }
    in_process = Series(100, served=False, requests=400, rounds=rounds, calls=dict.fromkeys(rounds, 600.0))
    return [in_process, Series(100, served=True, requests=400, rounds=served)]


def test_the_breakdown_subtracts_one_variant_from_another() -> None:
    page = breakdown(everything())

    names = [each.name for each in VARIANTS]
    contrib = 10 * (names.index(OURS) - names.index(UNCONTRIBUTED))
    matching = 10 * (names.index("contrib-tuned") - names.index(UNMATCHED))
    exporting = 2 * names.index(OURS)
    assert f"| *included above:* contrib's middleware | {contrib} |" in page
    assert f"| *included above:* threads that encode and send | {exporting} |" in page
    assert f"Contrib's own route matching takes {matching} µs of its 20 µs" in page
    assert "| the serving thread | 300 | 420 | 120 |" in page
    assert "| encode and send | 0 | 30 | 30 |" in page


def test_the_breakdown_omits_what_was_not_measured() -> None:
    first, second = everything()
    for name in list(first.rounds)[3:]:
        del first.rounds[name]
    assert "In-process" not in breakdown([first, second])
    assert breakdown([first]) == ""
