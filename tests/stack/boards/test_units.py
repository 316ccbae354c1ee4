from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stack.boards.dashboards import load
from stack.boards.drawing.looks import PROPERTIES
from stack.boards.drawing.units import FORMATS, digits, format_value, ticks

PANELS = [panel for board in load() for panel in board.panels]
OVERRIDDEN = [
    each for panel in PANELS for override in panel.overrides for each in override.get("properties", [])
]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0, "short", "0"),
        (1234, "short", "1.23 k"),
        (-2_500_000, "short", "-2.5 M"),
        (0.25, "s", "250 ms"),
        (0, "s", "0 s"),
        (90, "s", "1.5 min"),
        (7200, "s", "2 h"),
        (250, "ms", "250 ms"),
        (0.1234, "percentunit", "12.3%"),
        (50, "percent", "50%"),
        (1536, "bytes", "1.5 KiB"),
        (1500, "decbytes", "1.5 kB"),
        (1500, "Bps", "1.5 kB/s"),
        (12.34, "reqps", "12.3 req/s"),
        (0.5, "ops", "0.5 ops/s"),
        (12.345, "currencyEUR", "€12.3"),
        (0, "dateTimeAsIso", "1970-01-01 00:00:00 UTC"),
        (5, "parsecs", "5 parsecs"),
        (math.nan, "s", "-"),
        (math.inf, "s", "∞"),
        (-math.inf, "s", "-∞"),
    ],
)
def test_values_are_written_as_people_read_them(value: float, unit: str, expected: str) -> None:
    assert format_value(value, unit) == expected


def test_a_panel_may_fix_the_decimals() -> None:
    assert format_value(0.5, "percentunit", 2) == "50.00%"
    assert digits(2 / 3) == "0.667"


def test_every_unit_of_our_boards_is_known() -> None:
    used = {panel.field.get("unit", "none") for panel in PANELS}
    used |= {each["value"] for each in OVERRIDDEN if each["id"] == "unit"}
    assert used - {"", *FORMATS} == set()


def test_every_override_of_our_boards_is_known() -> None:
    assert {each["id"] for each in OVERRIDDEN} <= PROPERTIES


@given(
    some.floats(-1e12, 1e12),
    some.floats(0, 1e12),
    some.sampled_from(["s", "bytes", "short", "percentunit"]),
)
def test_an_axis_has_few_marks_around_its_values(low: float, span: float, unit: str) -> None:
    high = low + span
    found = ticks(low, high, unit)
    slack = 1e-6 * max(abs(low), abs(high), 1)
    assert 2 <= len(found) <= 7
    assert found[0] <= low + slack
    assert found[-1] >= high - slack


def test_the_marks_of_an_axis_are_round() -> None:
    assert ticks(0, 0.34, "s") == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert ticks(0, 100, "s") == [0, 30, 60, 90, 120]
    assert ticks(0, 220, "h") == [0, 120, 240]
    assert ticks(0, 70, "m") == [0, 30, 60, 90]
    assert ticks(0, 5000, "ms") == [0, 2000, 4000, 6000]
    assert ticks(0, 3000, "bytes") == [0, 1024, 2048, 3072]
    assert ticks(0, 0, "short") == [0, 0.5]
