"""Metrics of rate limiting."""

from __future__ import annotations

from typing import Final

from otel import ANY_BOUNDED, Counter, Gauge, Histogram

_BACKENDS: Final = ("redis", "local")

RATE_LIMIT_DECISIONS: Final = Counter(
    "lms.rate_limit.decisions",
    unit="{decision}",
    description="Decisions of each rule; shadow_refused: let through by a rule that only measures.",
    attributes={
        # A file has at most 100 rules; those of the one before are kept.
        "lms.rate_limit.rule": ANY_BOUNDED(limit=200),
        "lms.rate_limit.outcome": ("allowed", "refused", "shadow_refused"),
        "lms.rate_limit.backend": _BACKENDS,
    },
    limit=1200,
)
RATE_LIMIT_BACKEND_DURATION: Final = Histogram(
    "lms.rate_limit.backend.duration",
    unit="s",
    description="Time until Redis had decided, or had failed to.",
    attributes={"lms.rate_limit.outcome": ("answered", "failed")},
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
)
RATE_LIMIT_SWITCHES: Final = Counter(
    "lms.rate_limit.backend.switches",
    unit="{switch}",
    description="Switches between Redis and the memory of each process, by the backend that took over.",
    attributes={"lms.rate_limit.backend": _BACKENDS},
)
RATE_LIMIT_BREAKER: Final = Gauge(
    "lms.rate_limit.breaker.state",
    unit="1",
    description="1 for the state that the circuit breaker in front of Redis is in, else 0.",
    attributes={"lms.rate_limit.breaker.state": ("closed", "open", "half_open")},
)
RATE_LIMIT_RULES_VALID: Final = Gauge(
    "lms.rate_limit.rules.valid",
    unit="1",
    description="1 while the rules in force are those of the file, 0 while the file has a mistake.",
    attributes={"lms.rate_limit.rules.version": ANY_BOUNDED(limit=50)},
)

LIMIT_METRICS: Final = (
    RATE_LIMIT_DECISIONS,
    RATE_LIMIT_BACKEND_DURATION,
    RATE_LIMIT_SWITCHES,
    RATE_LIMIT_BREAKER,
    RATE_LIMIT_RULES_VALID,
)
