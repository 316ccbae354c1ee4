"""Metrics of database queries within a request."""

from __future__ import annotations

from typing import Final

from otel import Counter

QUERY_METRICS: Final[tuple[Counter, ...]] = ()
