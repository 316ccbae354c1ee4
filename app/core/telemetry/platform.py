"""Metrics of requests, accounts, courses and learning."""

from __future__ import annotations

from typing import Final

from otel import ANY_BOUNDED, Counter, Gauge, Histogram, UpDownCounter

REQUESTS_REFUSED: Final = Counter(
    "lms.requests.refused",
    unit="{request}",
    description="Requests refused before they reached the application, by problem code.",
    attributes={
        "code": (
            "malformed_request",
            "headers_too_large",
            "too_many_headers",
            "request_timeout",
            "too_many_connections",
        )
    },
)
REGISTRATIONS: Final = Counter(
    "lms.registrations",
    unit="{registration}",
    description="Attempts to create an account.",
    attributes={"outcome": ("created", "email_taken")},
)
LOGINS: Final = Counter(
    "lms.logins",
    unit="{login}",
    description="Attempts to sign in with email address and password.",
    attributes={"outcome": ("success", "unknown_user", "wrong_password")},
)
PASSWORD_TURNS: Final = Counter(
    "lms.password.turns",
    unit="{turn}",
    description="Turns to hash a password; abandoned: the client had left, refused: the queue was full.",
    attributes={"outcome": ("begun", "abandoned", "refused")},
)
PASSWORD_QUEUE: Final = UpDownCounter(
    "lms.password.pending_requests",
    unit="{request}",
    description="Requests waiting for their turn to hash a password.",
)
TOKEN_REFRESHES: Final = Counter(
    "lms.token.refreshes",
    unit="{refresh}",
    description="Uses of refresh tokens; reused means that the session was ended.",
    attributes={"outcome": ("rotated", "reused", "ended", "unavailable")},
)
REVOCATION_CHECKS: Final = Counter(
    "lms.token.revocation_checks",
    unit="{check}",
    description="Checks of access tokens against ended sessions; unavailable means let through unchecked.",
    attributes={"outcome": ("valid", "revoked", "unavailable")},
)
FUNNEL: Final = Counter(
    "lms.funnel.learners",
    unit="{learner}",
    description="Learners who took a step for the first time: an account, a course, a completed course.",
    attributes={"step": ("registered", "enrolled", "completed")},
)
OLDER_COHORTS: Final = "older"
COHORTS: Final = Counter(
    "lms.cohort.learners",
    unit="{learner}",
    description="The steps of the funnel, by the ISO week in which the learner registered: one of the last "
    f"eight, or {OLDER_COHORTS}. A week's series end nine weeks after its beginning.",
    # The eight weeks, the next one, the one that has just become too old, and all older ones.
    attributes={"step": ("registered", "enrolled", "completed"), "cohort": ANY_BOUNDED(limit=11)},
    limit=33,
)
ACTIVE_USERS: Final = Gauge(
    "lms.users.active",
    unit="{user}",
    description="Distinct users within a window; every worker reports the whole platform's number.",
    attributes={"window": ("5m", "1h", "24h")},
)
COURSES_PUBLISHED: Final = Counter(
    "lms.courses.published", unit="{course}", description="Courses that became visible in the catalogue."
)
CATALOGUE_READS: Final = Counter(
    "lms.catalogue.reads",
    unit="{read}",
    description="Catalogue pages served; bypassed means from the database because the cache did not answer.",
    attributes={"cache": ("hit", "miss", "bypassed")},
)
CATALOGUE_INVALIDATIONS: Final = Counter(
    "lms.catalogue.invalidations",
    unit="{invalidation}",
    description="Invalidations of cached pages; after a failed one, they are served until they expire.",
    attributes={"outcome": ("done", "failed")},
)
ENROLLMENTS: Final = Counter(
    "lms.enrollments",
    unit="{enrollment}",
    description="Attempts to enrol in a course.",
    attributes={"outcome": ("created", "repeated", "full", "closed")},
)
WITHDRAWALS: Final = Counter(
    "lms.withdrawals", unit="{withdrawal}", description="Learners who left a course before completing it."
)
SEATS_RECLAIMED: Final = Counter(
    "lms.seats.reclaimed",
    unit="{seat}",
    description="Seats freed because the request that took them ended before the enrolment was written.",
)
LESSON_COMPLETIONS: Final = Counter(
    "lms.lesson.completions",
    unit="{completion}",
    description="Lessons that learners marked as done.",
    attributes={"outcome": ("completed", "repeated")},
)
COURSE_COMPLETIONS: Final = Counter(
    "lms.course.completions", unit="{completion}", description="Courses that learners finished."
)
CERTIFICATES_ISSUED: Final = Counter(
    "lms.certificates.issued", unit="{certificate}", description="Certificates signed."
)
CERTIFICATE_VERIFICATIONS: Final = Counter(
    "lms.certificate.verifications",
    unit="{verification}",
    description="Checks of a certificate by anyone.",
    attributes={"outcome": ("valid", "invalid", "unknown")},
)
QUIZ_ATTEMPTS: Final = Counter(
    "lms.quiz.attempts",
    unit="{attempt}",
    description="Answers submitted to a quiz; repeated: the same answer sent again, exhausted: refused.",
    attributes={"outcome": ("passed", "failed", "repeated", "exhausted")},
)
SUBMISSION_CHECKS: Final = Counter(
    "lms.submission.checks",
    unit="{submission}",
    description="Acknowledged submissions that were read again a minute later: stored, or missing.",
    attributes={"outcome": ("stored", "missing")},
)
QUIZ_SCORE: Final = Histogram(
    "lms.quiz.score",
    unit="1",
    description="Share of correct answers in graded attempts.",
    attributes={"outcome": ("passed", "failed")},
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)

PLATFORM_METRICS: Final = (
    REQUESTS_REFUSED,
    REGISTRATIONS,
    LOGINS,
    PASSWORD_TURNS,
    PASSWORD_QUEUE,
    TOKEN_REFRESHES,
    REVOCATION_CHECKS,
    FUNNEL,
    COHORTS,
    ACTIVE_USERS,
    COURSES_PUBLISHED,
    CATALOGUE_READS,
    CATALOGUE_INVALIDATIONS,
    ENROLLMENTS,
    WITHDRAWALS,
    SEATS_RECLAIMED,
    LESSON_COMPLETIONS,
    COURSE_COMPLETIONS,
    CERTIFICATES_ISSUED,
    CERTIFICATE_VERIFICATIONS,
    QUIZ_ATTEMPTS,
    QUIZ_SCORE,
    SUBMISSION_CHECKS,
)
