"""Metrics of health checks."""

from __future__ import annotations

from typing import Final

from otel import Counter

HEALTH_METRICS: Final[tuple[Counter, ...]] = ()
