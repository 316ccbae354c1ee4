"""Metrics of health checks."""

from __future__ import annotations

from typing import Final

from otel import ANY_BOUNDED, Counter, Gauge, Histogram

_CHECK: Final = ANY_BOUNDED(limit=50)  # the platform's own, and those of LMS_HEALTH_EXTERNAL
_STATUS: Final = ("pass", "warn", "fail")

HEALTH_STATUS: Final = Gauge(
    "lms.health.check.status",
    unit="{check}",
    description="1 for the status that a check has now, 0 for the two others.",
    attributes={"check": _CHECK, "status": _STATUS},
    limit=150,
)
HEALTH_DURATION: Final = Histogram(
    "lms.health.check.duration",
    unit="s",
    description="How long a check took; one that was given up, its time limit.",
    attributes={"check": _CHECK},
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
HEALTH_CHANGES: Final = Counter(
    "lms.health.check.changes",
    unit="{change}",
    description="Changes of a check's status, by the new one.",
    attributes={"check": _CHECK, "status": _STATUS},
)
CERTIFICATE_EXPIRY: Final = Gauge(
    "lms.health.certificate.expiry",
    unit="s",
    description="When the TLS certificate of a checked service expires, in seconds since 1970.",
    attributes={"check": _CHECK},
)

HEALTH_METRICS: Final = (HEALTH_STATUS, HEALTH_DURATION, HEALTH_CHANGES, CERTIFICATE_EXPIRY)
