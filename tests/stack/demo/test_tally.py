from __future__ import annotations

import pytest
from rich.console import Console

from stack.demo.learner import judge
from stack.demo.plan import Action
from stack.demo.tally import Outcome, Tally, percentile


@pytest.mark.parametrize(
    ("action", "status", "outcome"),
    [
        (Action.ENROLL, 201, Outcome.DONE),
        (Action.ENROLL, 409, Outcome.REFUSED),
        (Action.ENROLL, 500, Outcome.WRONG),
        (Action.BAD_LOGIN, 401, Outcome.REFUSED),
        (Action.BAD_LOGIN, 200, Outcome.WRONG),
        (Action.LOGIN, 401, Outcome.WRONG),
        (Action.MISSING, 404, Outcome.REFUSED),
        (Action.TRANSCRIPT, 500, Outcome.FAILED),
        (Action.TRANSCRIPT, 404, Outcome.REFUSED),
        (Action.READ, 404, Outcome.WRONG),
        (Action.READ, 429, Outcome.REFUSED),
    ],
)
def test_an_answer_is_judged_by_its_planned_action(action: Action, status: int, outcome: Outcome) -> None:
    assert judge(action, status) is outcome


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7.0], 0.95, 7.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([float(n) for n in range(1, 101)], 0.95, 95.0)],
)
def test_a_percentile_is_a_measured_value(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_the_summary_has_a_row_per_action_with_counts_and_times() -> None:
    tally = Tally()
    for milliseconds in range(1, 101):
        tally.add(Action.READ, Outcome.DONE, milliseconds / 1000)
    tally.add(Action.LOGIN, Outcome.WRONG, 0.5, "log in: 503")
    console = Console(width=120, record=True, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        console.print(tally.table())
    rows = [line.split() for line in capture.get().splitlines()]
    assert ["read", "a", "lesson", "100", "100", "0", "0", "0", "50", "95"] in rows
    assert ["log", "in", "1", "0", "0", "0", "1", "500", "500"] in rows
    assert (tally.requests, tally.wrong, tally.examples()) == (101, 1, ["log in: 503"])
