from __future__ import annotations

import pytest

from stack.environment import check
from stack.error_links import error_link
from stack.variables import generate, required


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "http://127.0.0.1:8001/issues/1/all/?q=trace:{trace_id}"),
        (
            {"SENTRY_DSN": "https://key@o1.ingest.de.sentry.io/7"},
            "https://sentry.io/issues/?query=trace:{trace_id}",
        ),
        (
            {"SENTRY_DSN": "https://key@errors.example/7"},
            "https://errors.example/issues/?query=trace:{trace_id}",
        ),
        (
            {
                "SENTRY_DSN": "https://key@errors.example/7",
                "LMS_ERROR_LINK": "https://e.example/{trace_id}/all",
            },
            "https://e.example/{trace_id}/all",
        ),
    ],
    ids=["our Bugsink", "Sentry's cloud", "a Sentry of one's own", "an address that is set"],
)
def test_a_trace_leads_to_the_error_tracker_that_gets_its_errors(
    given: dict[str, str], expected: str
) -> None:
    secrets = {each.key: generate(each.key) for each in required()}
    assert error_link(check({**secrets, **given})) == expected
