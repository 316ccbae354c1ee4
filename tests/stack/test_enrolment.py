"""One successful enrolment moves exactly the metrics that it should."""

from __future__ import annotations

from typing import Final

import pytest

from tests.backends import wait_until
from tests.stack.learner import Platform
from tests.stack.stores import Stores

pytestmark = pytest.mark.stack

COUNTERS: Final = '{__name__=~"lms_.+_total|lms_quiz_score_count",job="stegmaier/lms"}'
ENROLLED: Final = 'lms_enrollments_total{outcome="created"}'
REQUESTS: Final = (
    'http_server_request_duration_seconds_count{http_route="/api/v1/courses/{course_id}/enrollments"}'
)
Series = tuple[tuple[str, str], ...]


def test_one_enrolment_moves_its_own_counter_and_no_other(platform: Platform, stores: Stores) -> None:
    course = platform.course("Exactly once")
    student = platform.student()
    # What the preparation counted has arrived: the student's login was its last business event.
    _settle(stores)
    before, requests = stores.totals(COUNTERS), stores.total(REQUESTS)
    answer = student.post(f"/courses/{course}/enrollments")
    assert answer.status_code == 201, answer.text
    wait_until(lambda: stores.total(REQUESTS) > requests, "the request is counted")
    _settle(stores)
    moved = _difference(before, stores.totals(COUNTERS))
    assert moved == {
        ("lms_enrollments_total", "created"): 1.0,
        ("lms_funnel_learners_total", "enrolled"): 1.0,
        # The request's token was checked against ended sessions, as every signed-in request's is.
        ("lms_token_revocation_checks_total", "valid"): 1.0,
    }
    assert stores.total(REQUESTS) == requests + 1


def _settle(stores: Stores) -> None:
    """Waits until the counters are what they were three seconds ago: three exports without a change."""

    def quiet() -> bool:
        return stores.totals(COUNTERS) == stores.totals(f"{COUNTERS} offset 3s") != {}

    wait_until(quiet, "the counters stand still")


def _kind(labels: dict[str, str]) -> str:
    return labels.get("outcome", labels.get("step", ""))


def _difference(before: dict[Series, float], after: dict[Series, float]) -> dict[tuple[str, str], float]:
    """Returns how far each series moved, by its name and outcome or step."""
    named = {series: dict(series) for series in after}
    return {
        (named[series]["__name__"], _kind(named[series])): value - before.get(series, 0.0)
        for series, value in after.items()
        if value != before.get(series, 0.0)
    }
