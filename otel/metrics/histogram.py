"""The declared histogram: buckets, with an exemplar trace for each."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from otel.metrics.amount import UNUSUAL
from otel.metrics.attributes import Allowed, AttributeKey
from otel.metrics.declaration import DEFAULT_LIMIT, Declaration
from otel.metrics.instruments import Attributes, Instrument, OneSeries, alias_of
from otel.metrics.series import HistogramPoint

_SAMPLED: Final = int(TraceFlags.SAMPLED)


class Histogram(Instrument[HistogramPoint]):
    """Counts measurements in buckets, with an exemplar (trace and span id) per bucket.

    `buckets` are upper bounds; the units `s` and `By` have defaults.

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    kind = "histogram"

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
        self.set_up(Declaration(name, self.kind, unit, description, attributes or {}, buckets, limit))

    def set_up(self, declaration: Declaration) -> None:
        """Initialises the instrument from `declaration`; called by its constructors."""
        self.bounds = declaration.buckets
        super().set_up(declaration)

    def record(
        self, amount: float, attributes: Attributes | None = None, context: Context | None = None
    ) -> None:
        """Counts `amount`, zero or more; a negative or non-finite one is rejected and counted.

        The exemplar is the span of `context`, or the current one, if it is sampled.
        """
        span = _span_of(context)
        if (type(amount) is not int and type(amount) is not float) or not 0 <= amount < UNUSUAL:
            self._record_unusual(span, amount, attributes)
            return
        try:
            point = self._aliases[
                tuple(attributes.items()) if type(attributes) is dict else alias_of(attributes)
            ]
        except Exception:  # noqa: BLE001 - KeyError for new attributes, anything for those of foreign types
            point, _ = self.find(attributes)
        bucket = bisect_left(self.bounds, amount)
        # Indexes the span context's tuple: each of its properties is a call.
        exemplar = (amount, time.time_ns(), span[0], span[1]) if span[3] & _SAMPLED and span[5] else None
        with self.lock:
            point.count(bucket, amount, exemplar)

    def _record_unusual(self, span: SpanContext, amount: object, attributes: Attributes | None) -> None:
        number = self.checked(amount)
        if number is None:
            return
        with self.lock:
            point, _ = self.find(attributes)
            if not math.isfinite(point.total + number):
                self.losses.refuse("not_finite")
                return
            exemplar = (number, time.time_ns(), span[0], span[1]) if span[3] & _SAMPLED and span[5] else None
            point.count(bisect_left(self.bounds, number), number, exemplar)

    def with_attributes(self, attributes: Attributes) -> HistogramSeries:
        """Returns the series of these attributes, for a caller that records into it repeatedly."""
        return HistogramSeries(self, attributes)

    def _new_point(self, key: AttributeKey) -> HistogramPoint:
        return HistogramPoint(key, len(self.bounds) + 1)


class HistogramSeries(OneSeries[HistogramPoint]):
    """One series of a histogram."""

    __slots__ = ("_bounds",)
    _instrument: Histogram

    def __init__(self, instrument: Histogram, attributes: Attributes) -> None:
        super().__init__(instrument, attributes)
        self._bounds = instrument.bounds

    def record(self, amount: float, span: SpanContext) -> None:
        """Counts `amount` as the instrument does, with `span` as exemplar if it is sampled."""
        instrument = self._instrument
        if (type(amount) is not int and type(amount) is not float) or not 0 <= amount < UNUSUAL:
            instrument.record(amount, self._attributes, set_span_in_context(NonRecordingSpan(span)))
            return
        point = self._point if self._era is instrument.era else self._find()
        bucket = bisect_left(self._bounds, amount)
        try:
            exemplar = (amount, time.time_ns(), span[0], span[1]) if span[3] & _SAMPLED and span[5] else None
        except Exception:  # noqa: BLE001 - an object that is not a span costs only the exemplar
            exemplar = None
        with instrument.lock:
            point.count(bucket, amount, exemplar)


def _span_of(context: Context | None) -> SpanContext:
    try:
        found = get_current_span(context).get_span_context()
    except Exception:  # noqa: BLE001 - a foreign span or context costs only the exemplar
        return INVALID_SPAN_CONTEXT
    return found if type(found) is SpanContext else INVALID_SPAN_CONTEXT
