"""The ledger's verdict: the defects that it must not miss."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from bench.bars import Bars, svg
from bench.ledger.__main__ import main
from bench.ledger.outcome import wrong, wrong_answers
from bench.ledger.scenario import Scenario
from bench.ledger.scenarios import SCENARIOS
from bench.ledger.tally import Row
from bench.ledger.world import merged
from bench.throughput.latency import Latency

GOOD = Row("victorialogs", "logs", sent=100, acknowledged=100, stored=100, duplicated=0, repeated=0, lost=0)
QUIET = next(scenario for scenario in SCENARIOS if scenario.name == "all-down")


def test_a_clean_row_has_no_problem() -> None:
    assert list(wrong(GOOD, QUIET)) == []


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (replace(GOOD, stored=99, lost=1), "1 of 100 acknowledged items are lost"),
        (replace(GOOD, duplicated=2), "returns 2 items more than once"),
        (replace(GOOD, repeated=3), "received 3 items more than once"),
        (replace(GOOD, acknowledged=0), "this proves nothing"),
    ],
)
def test_each_defect_is_reported(row: Row, word: str) -> None:
    (problem,) = wrong(row, QUIET)
    assert word in problem


def test_an_expected_loss_must_occur_and_stay_within_its_limit() -> None:
    losing = replace(QUIET, losses={"victorialogs": "it answers 400"}, lost=10)
    assert "nothing is lost" in next(wrong(GOOD, losing))
    assert list(wrong(replace(GOOD, stored=90, lost=10), losing)) == []
    assert "11 acknowledged items are lost, at most 10 may be" in next(wrong(replace(GOOD, lost=11), losing))


def test_victorialogs_may_return_twice_what_it_received_twice_and_no_other_store_may() -> None:
    repeating = replace(QUIET, repeats=True)
    twice = replace(GOOD, duplicated=3, repeated=3)
    assert list(wrong(twice, repeating)) == []
    assert "returns 4 items" in next(wrong(replace(twice, duplicated=4), repeating))
    assert "returns 3 items" in next(wrong(replace(twice, sink="prometheus"), repeating))


def test_an_error_answer_is_reported_if_the_scenario_allows_none() -> None:
    calm: Scenario = replace(QUIET, calm=True)
    assert list(wrong_answers((GOOD,), Counter({"200": 5}), calm)) == []
    assert "503" in next(wrong_answers((GOOD,), Counter({"200": 5, "503": 1}), calm))


def test_a_queue_that_accepted_everything_was_not_full() -> None:
    full = replace(QUIET, refuses=True)
    assert "no queue was full" in next(wrong_answers((GOOD,), Counter({"200": 5}), full))


def test_an_unknown_scenario_is_rejected_with_the_known_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", "flood"]) == 2
    assert "'flood'" in (said := capsys.readouterr().err)
    assert "all-down" in said


def test_every_scenario_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    assert all(scenario.name in said for scenario in SCENARIOS)


def test_overlays_merge_like_the_collectors_files() -> None:
    first = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merged(first, {"a": {"c": [3]}, "e": 2}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": 2}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 5.0), (0.95, 10.0), (1.0, 10.0), (0.0, 1.0)])
def test_a_quantile_is_a_measured_value(share: float, expected: float) -> None:
    latency = Latency("full", "logs", tuple(float(value) for value in range(10, 0, -1)))
    assert latency.quantile(share) == expected


def test_a_plot_is_well_formed_and_shows_each_value() -> None:
    chart = Bars("a < b", ["one", "two"], {"spans": [0.5, 1.0], "logs": [0.25, 0.75]}, "{:.0%}", 0.6)
    text = svg(chart)
    root = ET.fromstring(text)  # noqa: S314 - our own output
    assert root.tag.endswith("svg")
    assert all(f"{value}%" in text for value in (50, 100, 25, 75))
