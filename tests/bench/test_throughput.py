from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.ledger.items import SIGNALS
from bench.throughput import sizing
from bench.throughput.compare import SAFEGUARDS, Safeguard, cost, micros, per_core, ratio
from bench.throughput.latency import Latency
from bench.throughput.measure import Figure
from bench.throughput.report import DOCS, throughput_table, write
from bench.throughput.variants import PLAIN, VARIANTS, recipe
from collector_kit.fragments import LEAN

# CPU microseconds per item of each variant in a quiet round and in one on a busy machine.
MICROS = {
    "plain": (20, 30),
    "plain-no-gzip": (10, 16),
    "full": (200, 300),
    "no-fsync": (190, 304),
    "no-disk": (160, 240),
    "no-redaction": (50, 80),
    "bare": (12, 20),
    "stock": (400, 500),
    "bounds": (70, 110),
}


def figure(variant: str, signal: str, micro: float) -> Figure:
    return Figure(variant, signal, 1_000_000, 2.0, micro, 0.1, 0)


def measured() -> list[Figure]:
    rounds = range(len(MICROS["plain"]))
    return [
        figure(variant.name, signal, MICROS[variant.name][number])
        for number in rounds
        for signal in SIGNALS
        for variant in VARIANTS
    ]


def test_a_safeguards_cost_is_taken_within_the_round() -> None:
    disk = Safeguard("disk queue", "no-redaction", "bare")

    assert cost(measured(), disk, "traces") == pytest.approx([38, 60])


def test_a_share_names_its_peer() -> None:
    assert ratio(measured(), "full", "logs") == pytest.approx(0.1)
    assert ratio(measured(), "full", "logs", "plain-no-gzip") == pytest.approx((10 / 200 + 16 / 300) / 2)


def test_the_table_has_items_per_core_and_microseconds_each() -> None:
    assert per_core(measured()[: len(measured()) // 2], "plain", "traces") == pytest.approx(50_000)
    assert micros(measured()[: len(measured()) // 2], "plain", "traces") == pytest.approx(20)

    table = throughput_table(measured()[: len(measured()) // 2]).splitlines()

    assert [line.count("|") for line in table] == [11] * (2 + len(VARIANTS))
    assert "| plain peer without gzip | 100,000 | 10 | 200% |" in "\n".join(table)


def test_page_data_and_plot_show_the_same_figures(tmp_path: Path) -> None:
    latencies = [Latency("full", "traces", (0.5, 0.6))]
    written = {path.name: path.read_text() for path in write(measured(), latencies, 3.4, tmp_path)}

    page = written["throughput.md"]
    assert "3.4 before the run" in page
    assert "**Missed**: 10% of the plain peer's spans, 1.8 times the stock chain's spans." in page
    assert "Against the plain peer without gzip: spans 5%, points 5%, records 5%; against" in page
    assert "against the stock chain: spans 1.8 times, points 1.8 times, records 1.8 times." in page
    assert "| disk queue, with fsync | 49 (38 to 60) | 49 (38 to 60) | 49 (38 to 60) |" in page
    assert "| of which fsync | 3 (-4 to 10) |" in page
    assert "| the same with stock processors | 385 (350 to 420) |" in page
    data = json.loads(written["throughput.json"])
    assert [Figure(**each) for each in data["figures"]] == measured()
    ET.fromstring(written["throughput.svg"])  # noqa: S314 - our own drawing, well-formed or not


def test_every_safeguard_compares_collectors_that_are_measured() -> None:
    names = {variant.name for variant in VARIANTS}

    assert {each.dearer for each in SAFEGUARDS} | {each.cheaper for each in SAFEGUARDS} <= names


def _pipelines(files: dict[str, Any]) -> dict[str, Any]:
    """Returns the pipelines as the Collector merges the files: later files win."""
    found: dict[str, Any] = {}
    for fragment in files.values():
        for name, pipeline in fragment.get("service", {}).get("pipelines", {}).items():
            found[name] = {**found.get(name, {}), **pipeline}
    return found


def test_each_variant_changes_what_its_name_says_and_nothing_else(tmp_path: Path) -> None:
    made = {}
    for variant in VARIANTS:
        (tmp_path / variant.name).mkdir()
        files = recipe(variant, tmp_path / variant.name, {}).fragments
        made[variant.name] = {Path(file).name: yaml.safe_load(Path(file).read_text()) for file in files}

    assert made["plain"] == {PLAIN.name: yaml.safe_load(PLAIN.read_text())}
    uncompressed = made["plain-no-gzip"][PLAIN.name]
    assert [exporter.pop("compression") for exporter in uncompressed["exporters"].values()] == ["none"] * 3
    assert uncompressed == made["plain"][PLAIN.name]
    assert made["full"].keys() - made["stock"].keys() == set(LEAN)
    assert {name: made["full"][name] for name in made["stock"]} == made["stock"]
    pipelines = {name: _pipelines(files) for name, files in made.items() if "base.yaml" in files}
    for signal in SIGNALS:
        chains = {name: found[f"{signal}/clean"]["processors"] for name, found in pipelines.items()}
        assert "mask" in chains["full"]
        assert "redaction" in chains["stock"]
        assert chains["bounds"] == [each for each in chains["stock"] if each != "redaction"]
        assert chains["no-redaction"] == chains["bare"] == []
        assert chains["no-fsync"] == chains["no-disk"] == chains["full"]
        for name in ("stock", "bounds"):
            del made[name]["base.yaml"]["service"]["pipelines"][f"{signal}/clean"]
    assert made["bounds"] == made["stock"]


def test_the_sizing_page_is_calculated_from_the_committed_figures() -> None:
    data = json.loads((DOCS / "throughput.json").read_text())

    assert sizing.page([Figure(**each) for each in data["figures"]]) == (DOCS / "sizing.md").read_text()


def test_a_capacity_is_never_rounded_up() -> None:
    assert [sizing.rounded(each) for each in (3_199.0, 40_999.0, 99.9, 12.0)] == [3_100, 40_000, 99, 12]


def test_a_sizing_derives_cores_and_bytes_from_its_figures() -> None:
    text = sizing.page(measured())

    assert "redaction by `mask`, disk queue, fsync) | 4,100 | 4,100 | 4,100 |" in text
    assert "| the same with stock processors (contrib image) | 2,200 | 2,200 | 2,200 |" in text
    assert "1,000,000 ÷ 4,100 ÷ 0.65 = 376 cores" in text
    assert "Five hours are 12.2 TB" in text
    assert "carries 10% of the plain peer's spans" in text
