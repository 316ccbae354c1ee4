"""A series that its caller has found once: recording into it skips the look at the attributes.

For attributes that repeat with every request or span; a handle stays valid when the instrument starts again
from nothing, as after a fork.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from opentelemetry.trace import SpanContext, TraceFlags

from otel.metrics.series import HistogramPoint, NumberPoint

if TYPE_CHECKING:
    from otel.metrics.instruments import Instrument

_P = TypeVar("_P", NumberPoint, HistogramPoint)
_SAMPLED: Final = int(TraceFlags.SAMPLED)


class _OneSeries(Generic[_P]):
    __slots__ = ("_attributes", "_era", "_instrument", "_point")

    _instrument: Instrument[_P]
    _point: _P

    def __init__(self, instrument: Instrument[_P], attributes: Mapping[str, object]) -> None:
        self._instrument = instrument
        self._attributes = dict(attributes)
        self._era: object = None

    def _found(self) -> _P:
        """Finds the series anew; it is kept unless the rules must count every measurement's losses."""
        era = self._instrument.era
        point: _P
        point, lossless = self._instrument.series_of(self._attributes)
        if lossless:
            self._point, self._era = point, era
        return point


class NumberSeries(_OneSeries[NumberPoint]):
    """One series of a counter. Thread-safe."""

    __slots__ = ()

    def add(self, amount: float) -> None:
        """Adds a finite amount, for a counter zero or more; the caller answers for that."""
        instrument = self._instrument
        point = self._point if self._era is instrument.era else self._found()
        with instrument.lock:
            point.value += amount


class HistogramSeries(_OneSeries[HistogramPoint]):
    """One series of a histogram. Thread-safe."""

    __slots__ = ("_bounds",)

    def __init__(
        self,
        instrument: Instrument[HistogramPoint],
        attributes: Mapping[str, object],
        bounds: tuple[float, ...],
    ) -> None:
        super().__init__(instrument, attributes)
        self._bounds = bounds

    def record(self, amount: float, span: SpanContext) -> None:
        """Counts `amount`, zero or more, and keeps `span` as its exemplar if that is sampled."""
        instrument = self._instrument
        point = self._point if self._era is instrument.era else self._found()
        if not 0 <= amount < math.inf:
            instrument.refused += 1
            return
        bucket = bisect_left(self._bounds, amount)
        exemplar = (amount, time.time_ns(), span[0], span[1]) if span[3] & _SAMPLED else None
        with instrument.lock:
            point.count(bucket, amount, exemplar)
