"""Measures the lean Collector's real binary, which must be small enough to be called lean."""

from __future__ import annotations

from pathlib import Path

from bench.distribution.__main__ import CONTRIB_MEGABYTES, SUMS, Start, components, measure, page
from collector_kit.fragments import LEAN_BUILD, fragments
from stack.native.tools import tool_path


async def test_start_up_is_measured_until_the_collector_answers(tmp_path: Path) -> None:
    start = await measure("all-in-one", tmp_path, rounds=1)
    assert 0.02 < start.seconds[0] < 30
    assert 20 < start.megabytes < 300


def test_the_measured_fragments_are_those_of_the_preset() -> None:
    stores = dict.fromkeys(("JAEGER_OTLP_URL", "VICTORIALOGS_URL"), "http://127.0.0.1:1")
    chosen = fragments("all-in-one", {**stores, **LEAN_BUILD})
    assert SUMS["all-in-one"] == tuple(path.name for path in chosen)


def test_the_build_is_a_fraction_of_the_published_image() -> None:
    program = tool_path("otelcol-lms")
    assert program.stat().st_size / 1e6 < CONTRIB_MEGABYTES / 4
    assert 25 < components(program) < 60


def test_the_page_shows_median_and_range() -> None:
    text = page(50.0, 31, [Start("base.yaml alone", (0.3, 0.1, 0.2), 60.0)])
    assert "| size | 50 MB | 341 MB, published" in text
    assert "| start-up, base.yaml alone | 0.20 s (0.10 to 0.30) | not published |" in text
