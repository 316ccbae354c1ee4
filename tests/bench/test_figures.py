from __future__ import annotations

import pytest

from bench.overhead.figures import Round, Series, quartiles
from bench.overhead.variants import COPIED, OURS
from bench.overhead.verdict import aims


def series_of(*, served: bool = False, routes: int = 100, **cpu: list[float]) -> Series:
    rounds = {name: [Round(wall=each, cpu=each) for each in values] for name, values in cpu.items()}
    return Series(routes, served, 400, rounds)


def test_overhead_is_taken_within_the_round_so_a_slow_round_does_not_count_as_overhead() -> None:
    series = series_of(bare=[1.0, 5.0, 1.0], ours=[1.5, 5.5, 1.5])

    assert series.overhead(OURS) == pytest.approx(0.5)


def test_share_of_overhead_is_the_median_of_the_rounds_shares() -> None:
    series = series_of(bare=[1.0, 2.0, 1.0], ours=[1.2, 2.3, 1.4], copied=[2.0, 3.0, 2.0])

    assert series.share_of_overhead(OURS, COPIED) == pytest.approx(0.3)


def test_rounds_whose_overhead_is_lost_in_noise_are_left_out_of_the_share() -> None:
    series = series_of(bare=[1.0, 2.0], ours=[1.2, 2.3], copied=[2.0, 1.9])

    assert series.share_of_overhead(OURS, COPIED) == pytest.approx(0.2)


def test_a_share_of_no_overhead_is_rejected() -> None:
    series = series_of(bare=[1.0], ours=[1.2], copied=[0.9])

    with pytest.raises(ValueError, match="copied never cost more"):
        series.share_of_overhead(OURS, COPIED)


def test_throughput_share_compares_wall_time_with_the_bare_applications() -> None:
    assert series_of(bare=[0.9, 0.8], ours=[1.0, 1.0]).throughput_share(OURS) == pytest.approx(0.85)


def test_quartiles_by_nearest_rank() -> None:
    assert quartiles([1, 2, 3, 4, 5]) == (2, 4)
    assert quartiles([7]) == (7, 7)


def test_aims_are_judged_at_a_hundred_routes_only() -> None:
    at_one = series_of(routes=1, bare=[1.0], ours=[9.0], copied=[2.0], logfire=[2.0])
    at_hundred = series_of(bare=[1.0], ours=[1.3], copied=[2.0], logfire=[1.6])
    served = series_of(served=True, bare=[1.0], ours=[1.1])

    found = aims([at_one, at_hundred, served])

    assert [(round(aim.found, 2), aim.reached) for aim in found] == [(0.3, True), (0.5, False), (0.91, True)]


def test_a_peer_that_was_not_measured_has_no_aim() -> None:
    assert aims([series_of(bare=[1.0], copied=[2.0], logfire=[2.0])]) == []
    assert len(aims([series_of(bare=[1.0], ours=[1.1], logfire=[2.0])])) == 1
