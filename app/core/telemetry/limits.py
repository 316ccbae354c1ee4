"""Metrics of rate limiting."""

from __future__ import annotations

from typing import Final

from otel import Counter

LIMIT_METRICS: Final[tuple[Counter, ...]] = ()
