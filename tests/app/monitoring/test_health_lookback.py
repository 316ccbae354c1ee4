"""What happened lately is seen for the same time, however often a check runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.monitoring.health_lookback import Growth, Lookback
from tests.app.monitoring.measured import Hand

GAPS = st.lists(st.floats(min_value=0.01, max_value=30), min_size=1, max_size=50)


@given(GAPS)
def test_at_least_the_whole_time_is_looked_back_on_whatever_the_gaps(gaps: list[float]) -> None:
    clock = Hand()
    lookback: Lookback[float] = Lookback(10, clock)
    lookback.add(0.0)
    for gap in gaps:
        clock.now += gap
        age, moment = lookback.add(clock.now)
        assert age == clock.now - moment
        assert age >= min(10, clock.now)
        assert age < 10 + max(gaps) + 10 / 256


def test_samples_are_bounded_however_often_they_come() -> None:
    clock = Hand()
    lookback: Lookback[int] = Lookback(3600, clock)
    for run in range(20_000):
        clock.now = float(run)
        age, _ = lookback.add(run)
        assert age >= min(3600, run)
    assert len(lookback._samples) <= 258


@given(GAPS)
def test_no_growth_is_missed(gaps: list[float]) -> None:
    """A total that grows at one run is seen to have grown at each run of the next ten seconds."""
    clock = Hand()
    growth = Growth(10, clock, total=0)
    for gap in gaps:
        clock.now += gap
        assert growth.add(0)[1] == 0
    grew = clock.now
    assert growth.add(5)[1] == 5
    for gap in gaps:
        clock.now += gap
        if clock.now < grew + 10:
            assert growth.add(5)[1] == 5


@pytest.mark.parametrize(
    ("start", "totals", "grown"),
    [
        (None, [7, 7, 9], [0, 0, 2]),
        (0, [7, 7, 9], [7, 7, 9]),
        (None, [7, 2, 3], [0, 2, 3]),  # it began again from zero
    ],
)
def test_a_total_is_compared_with_its_start(start: int | None, totals: list[int], grown: list[int]) -> None:
    growth = Growth(10, Hand(), total=start)
    assert [growth.add(each)[1] for each in totals] == grown
