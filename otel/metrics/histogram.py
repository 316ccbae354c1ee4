"""The declared histogram: buckets, and for each the trace that stands for it."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import TraceFlags, get_current_span

from otel.metrics.attributes import Allowed, AttributeKey
from otel.metrics.bound import HistogramSeries
from otel.metrics.declaration import DEFAULT_LIMIT, Declaration
from otel.metrics.instruments import Attributes, Instrument
from otel.metrics.series import HistogramPoint

_SAMPLED: Final = int(TraceFlags.SAMPLED)


class Histogram(Instrument[HistogramPoint]):
    """Counts measurements in buckets, with an exemplar (trace and span id) per bucket.

    `buckets` are upper bounds; the units `s` and `By` have a default.

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    def __init__(
        self,
        name: str,
        *,
        unit: str,
        description: str,
        attributes: Mapping[str, Allowed] | None = None,
        buckets: tuple[float, ...] = (),
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        declaration = Declaration(name, "histogram", unit, description, attributes or {}, buckets, limit)
        self._bounds = declaration.buckets
        super().__init__(declaration)

    def record(
        self, amount: float, attributes: Attributes | None = None, context: Context | None = None
    ) -> None:
        """Counts `amount`, zero or more; a negative or non-finite one is refused and counted.

        The exemplar is the span of `context`, or the current one, if it is sampled.
        """
        try:
            point = self._aliases[tuple(attributes.items()) if attributes else ()]
        except (KeyError, TypeError):
            point = self._resolve(attributes)
        if not 0 <= amount < math.inf:
            self.refused += 1
            return
        bucket = bisect_left(self._bounds, amount)
        span = get_current_span(context).get_span_context()
        sampled = span.trace_flags & _SAMPLED
        exemplar = (amount, time.time_ns(), span.trace_id, span.span_id) if sampled else None
        with self.lock:
            point.count(bucket, amount, exemplar)

    def with_attributes(self, attributes: Attributes) -> HistogramSeries:
        """Returns the series of these attributes, for a caller that records into it again and again."""
        return HistogramSeries(self, attributes, self._bounds)

    def _new_point(self, key: AttributeKey) -> HistogramPoint:
        return HistogramPoint(key, len(self._bounds) + 1)
