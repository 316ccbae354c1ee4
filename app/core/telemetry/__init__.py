"""The platform's own metrics: every name is declared in this package, once, and nowhere else.

Attribute values are bounded lists; the user and the course are in the trace and the log. Also here: the
platform's telemetry defaults that differ from the library's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.telemetry.alerts import (
    ALERT_FLAPS,
    ALERT_METRICS,
    ALERT_NOTIFICATIONS,
    ALERT_RECONCILIATIONS,
    ALERT_TIME_TO_ACKNOWLEDGE,
    ALERT_TIME_TO_NOTIFY,
    ALERT_TIME_TO_RESOLVE,
    ALERT_TRANSITIONS,
    ALERTS_UNATTENDED,
)
from app.core.telemetry.health import (
    CERTIFICATE_EXPIRY,
    HEALTH_CHANGES,
    HEALTH_DURATION,
    HEALTH_METRICS,
    HEALTH_STATUS,
)
from app.core.telemetry.limits import (
    LIMIT_METRICS,
    RATE_LIMIT_BACKEND_DURATION,
    RATE_LIMIT_BREAKER,
    RATE_LIMIT_DECISIONS,
    RATE_LIMIT_RULES_VALID,
    RATE_LIMIT_SWITCHES,
)
from app.core.telemetry.platform import (
    ACTIVE_USERS,
    CATALOGUE_INVALIDATIONS,
    CATALOGUE_READS,
    CERTIFICATE_VERIFICATIONS,
    CERTIFICATES_ISSUED,
    COHORTS,
    COURSE_COMPLETIONS,
    COURSES_PUBLISHED,
    ENROLLMENTS,
    FUNNEL,
    LESSON_COMPLETIONS,
    LOGINS,
    OLDER_COHORTS,
    PASSWORD_QUEUE,
    PASSWORD_TURNS,
    PLATFORM_METRICS,
    QUIZ_ATTEMPTS,
    QUIZ_SCORE,
    REGISTRATIONS,
    REQUESTS_REFUSED,
    REVOCATION_CHECKS,
    SEATS_RECLAIMED,
    SUBMISSION_CHECKS,
    TOKEN_REFRESHES,
    WITHDRAWALS,
)
from otel import Catalogue

__all__ = [
    "ACTIVE_USERS",
    "ALERTS_UNATTENDED",
    "ALERT_FLAPS",
    "ALERT_NOTIFICATIONS",
    "ALERT_RECONCILIATIONS",
    "ALERT_TIME_TO_ACKNOWLEDGE",
    "ALERT_TIME_TO_NOTIFY",
    "ALERT_TIME_TO_RESOLVE",
    "ALERT_TRANSITIONS",
    "CATALOGUE_INVALIDATIONS",
    "CATALOGUE_READS",
    "CERTIFICATES_ISSUED",
    "CERTIFICATE_EXPIRY",
    "CERTIFICATE_VERIFICATIONS",
    "COHORTS",
    "COURSES_PUBLISHED",
    "COURSE_COMPLETIONS",
    "ENROLLMENTS",
    "FUNNEL",
    "HEALTH_CHANGES",
    "HEALTH_DURATION",
    "HEALTH_STATUS",
    "LESSON_COMPLETIONS",
    "LMS_METRICS",
    "LOGINS",
    "OLDER_COHORTS",
    "PASSWORD_QUEUE",
    "PASSWORD_TURNS",
    "QUIZ_ATTEMPTS",
    "QUIZ_SCORE",
    "RATE_LIMIT_BACKEND_DURATION",
    "RATE_LIMIT_BREAKER",
    "RATE_LIMIT_DECISIONS",
    "RATE_LIMIT_RULES_VALID",
    "RATE_LIMIT_SWITCHES",
    "REGISTRATIONS",
    "REQUESTS_REFUSED",
    "REVOCATION_CHECKS",
    "SEATS_RECLAIMED",
    "SUBMISSION_CHECKS",
    "TELEMETRY_DEFAULTS",
    "TOKEN_REFRESHES",
    "WITHDRAWALS",
    "telemetry_environ",
]

TELEMETRY_DEFAULTS: Final[Mapping[str, str]] = {
    # The platform is public: strangers must not turn off their own traces or write into other people's.
    "TELEMETRY_TRUST_REMOTE_CONTEXT": "never",
    # What the monitoring API shows of the logs while the log store is away.
    "TELEMETRY_RECENT_RECORDS": "1000",
}

LMS_METRICS: Final = Catalogue("lms", *PLATFORM_METRICS, *LIMIT_METRICS, *HEALTH_METRICS, *ALERT_METRICS)


def telemetry_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns ``environ`` with the platform's telemetry defaults for variables that are unset or blank."""
    own = {key: default for key, default in TELEMETRY_DEFAULTS.items() if not environ.get(key, "").strip()}
    return {**environ, **own}
