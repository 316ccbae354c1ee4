"""A check's status changes when enough results agree, and never because they alternate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.monitoring.health_check import Status
from app.monitoring.health_damping import Damping
from tests.app.conftest import make_settings

OK, WARN, FAIL = Status.PASS, Status.WARN, Status.FAIL
WINDOWS = [(3, 4), (2, 2), (3, 3), (4, 5), (6, 10)]


def after(*results: Status, agreeing: int = 3, window: int = 4) -> Status:
    damping = Damping(agreeing=agreeing, window=window)
    return [damping.add(each) for each in results][-1]


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([FAIL], FAIL),
        ([OK, FAIL, FAIL], OK),
        ([OK, FAIL, FAIL, FAIL], FAIL),
        ([OK, FAIL, OK, FAIL, FAIL], FAIL),
        ([OK, WARN, FAIL, FAIL], WARN),
        ([OK, WARN, FAIL, FAIL, FAIL], FAIL),
        ([FAIL, OK, OK], FAIL),
        ([FAIL, OK, OK, OK], OK),
        ([FAIL, OK, OK, WARN], WARN),
        ([FAIL, OK, OK, WARN, OK], OK),
    ],
)
def test_three_of_the_last_four_results_decide_both_ways(results: list[Status], status: Status) -> None:
    assert after(*results) is status


@pytest.mark.parametrize(("agreeing", "window"), WINDOWS)
@pytest.mark.parametrize(("first", "second"), [(OK, FAIL), (FAIL, OK), (OK, WARN), (WARN, FAIL)])
def test_results_that_alternate_change_nothing(
    agreeing: int, window: int, first: Status, second: Status
) -> None:
    damping = Damping(agreeing=agreeing, window=window)
    assert {damping.add(each) for each in [first, second] * 20} == {first}


@given(st.lists(st.sampled_from(Status), min_size=1), st.sampled_from(Status), st.sampled_from(WINDOWS))
def test_whatever_came_before_agreement_wins(
    before: list[Status], found: Status, shape: tuple[int, int]
) -> None:
    agreeing, window = shape
    damping = Damping(agreeing=agreeing, window=window)
    for each in before:
        damping.add(each)
    assert [damping.add(found) for _ in range(window)][-1] is found


@given(st.lists(st.sampled_from(Status), min_size=1))
def test_a_status_is_one_that_was_found(results: list[Status]) -> None:
    assert after(*results) in results


@pytest.mark.parametrize(("agreeing", "window"), [(2, 3), (2, 4), (3, 5), (5, 4), (1, 2)])
def test_settings_that_would_flap_are_refused(agreeing: int, window: int) -> None:
    with pytest.raises(ValueError, match=r"LMS_HEALTH_AGREEING .* must be from \d+ to \d+"):
        make_settings("mongodb://x/y", "redis://x", health_agreeing=agreeing, health_window=window)


@pytest.mark.parametrize(("agreeing", "window"), [*WINDOWS, (1, 1)])
def test_settings_that_damp_are_accepted(agreeing: int, window: int) -> None:
    make_settings("mongodb://x/y", "redis://x", health_agreeing=agreeing, health_window=window)
