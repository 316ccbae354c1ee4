"""One successful enrolment increments exactly the metrics that it should."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.programs import wait_until
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack

# Those of the rate limiter and of health checks grow with each look at them, and in the background.
COUNTERS: Final = "lms_[^rh].+_total|lms_re.+_total|lms_quiz_score_count"
REQUESTS: Final = (
    'http_server_request_duration_seconds_count{http_route="/api/v1/courses/{course_id}/enrollments"}'
)


def test_one_enrolment_increments_its_own_counters_and_no_others(platform: Platform, stores: Stores) -> None:
    course = platform.course("Exactly once")
    student = platform.student()
    before, requests = _settled(stores), stores.total(REQUESTS)
    answer = student.post(f"/courses/{course}/enrollments")
    assert answer.status_code == 201, answer.text
    wait_until(lambda: stores.total(REQUESTS) > requests, "the request is counted")
    assert _settled(stores) - before == {
        ("lms_enrollments_total", "created"): 1,
        ("lms_funnel_learners_total", "enrolled"): 1,
        ("lms_cohort_learners_total", "enrolled"): 1,
        # Every signed-in request's token is checked against ended sessions.
        ("lms_token_revocation_checks_total", "valid"): 1,
    }
    assert stores.total(REQUESTS) == requests + 1


def _settled(stores: Stores) -> Counter[tuple[str, str]]:
    """Returns the counters of the metric store once it has everything the platform counted."""

    def complete() -> bool:
        return stores.arrived(COUNTERS) == stores.counted(COUNTERS) != Counter()

    wait_until(complete, "everything counted has arrived")
    return stores.arrived(COUNTERS)
