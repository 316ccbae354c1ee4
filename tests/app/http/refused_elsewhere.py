"""Which test provokes the codes that need a rival, an outage or a raw connection."""

from __future__ import annotations

from typing import Final

ELSEWHERE: Final = {
    "tests/app/lms/test_courses.py": {"course_changed"},
    "tests/app/lms/test_course_bounds.py": {"catalogue_full", "too_many_lessons", "too_many_quizzes"},
    "tests/app/lms/test_seats.py": {"enrollment_busy"},
    "tests/app/lms/test_roles.py": {"last_admin"},
    "tests/app/lms/test_sign_in_queue.py": {"client_gone", "passwords_busy"},
    "tests/app/monitoring/test_levels.py": {"level_not_changed", "too_many_levels"},
    "tests/app/infra/test_outages.py": {"database_unavailable", "sessions_unavailable"},
    "tests/app/http/test_rate_limit.py": {"quota_exceeded"},
    "tests/app/monitoring/test_alert_webhook.py": {
        "alert_unknown",
        "alerts_token_wrong",
        "only_alertmanager",
        "too_many_comments",
    },
    "tests/app/monitoring/test_limits.py": {"limits_unavailable"},
    "tests/app/monitoring/asked/test_alerts.py": {"alert_already_acknowledged", "watchdog_not_silenced"},
    "tests/app/monitoring/asked/test_silences.py": {
        "alert_not_found",
        "silence_not_found",
        "silence_refused",
        "store_not_configured",
        "store_unavailable",
    },
    "tests/app/monitoring/asked/test_trace.py": {"trace_not_found"},
    "tests/app/http/test_server.py": {
        "headers_too_large",
        "request_timeout",
        "too_many_connections",
        "too_many_headers",
    },
}
"""Answered where a rival, an outage or a raw connection is at hand."""
