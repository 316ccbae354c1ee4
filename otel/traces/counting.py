"""Counts started and live spans as the SDK does, without looking its instruments up each time."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext

from otel.metrics.counters import NumberSeries
from otel.metrics.sdk import LIVE_SPANS, SPAN_PARENT_ORIGIN, SPAN_SAMPLING_RESULT, STARTED_SPANS

_LIVE: Final = {
    decision: LIVE_SPANS.with_attributes({SPAN_SAMPLING_RESULT: decision.name})
    for decision in (Decision.RECORD_ONLY, Decision.RECORD_AND_SAMPLE)
}
# By the parent's origin and the sampling decision: the series of started and of live spans.
_series: Final[dict[tuple[str, Decision], tuple[NumberSeries, NumberSeries | None]]] = {}


def count_start(parent: SpanContext | None, decision: Decision) -> NumberSeries | None:
    """Counts a started span; returns the live-span series to decrement at its end, None if it was dropped."""
    origin = "none" if parent is None else "remote" if parent.is_remote else "local"
    series = _series.get((origin, decision))
    if series is None:
        attributes = {SPAN_PARENT_ORIGIN: origin, SPAN_SAMPLING_RESULT: decision.name}
        series = _series[origin, decision] = STARTED_SPANS.with_attributes(attributes), _LIVE.get(decision)
    started, live = series
    started.add(1)
    if live is not None:
        live.add(1)
    return live
