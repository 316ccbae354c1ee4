"""A bound series counts the same as its instrument."""

from __future__ import annotations

import math

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from otel.metrics.catalogue import ANY_BOUNDED, Histogram, UpDownCounter
from otel.metrics.series import HistogramSnapshot, Snapshot

_SAMPLED = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
_DROPPED = SpanContext(7, 9, is_remote=False, trace_flags=TraceFlags(0))


def counter() -> UpDownCounter:
    return UpDownCounter(
        "test.open",
        unit="{thing}",
        description="Open things.",
        attributes={"kind": ANY_BOUNDED(limit=50)},
        limit=2,
    )


def histogram() -> Histogram:
    return Histogram(
        "test.duration", unit="s", description="Time.", attributes={"kind": ANY_BOUNDED(limit=50)}
    )


def values(snapshots: list[Snapshot]) -> list[float]:
    return [each.total if isinstance(each, HistogramSnapshot) else each.value for each in snapshots]


def test_it_shares_the_series_of_its_instrument() -> None:
    instrument = counter()
    bound = instrument.with_attributes({"kind": "a"})
    assert values(instrument.snapshots()) == []
    bound.add(2)
    instrument.add(1, {"kind": "a"})
    assert values(instrument.snapshots()) == [3]


def test_it_survives_a_reset_of_its_instrument() -> None:
    instrument = counter()
    bound = instrument.with_attributes({"kind": "a"})
    bound.add(2)
    instrument.forget()
    bound.add(1)
    assert values(instrument.snapshots()) == [1]


@pytest.mark.parametrize("attributes", [{"kind": "c"}, {"kind": "a", "who": "eve"}])
def test_losses_to_the_rules_are_counted_each_time(attributes: dict[str, object]) -> None:
    instrument = counter()
    instrument.add(1, {"kind": "a"})
    instrument.add(1, {"kind": "b"})
    bound = instrument.with_attributes(attributes)
    for _ in range(3):
        bound.add(1)
    assert instrument.losses.folded + instrument.losses.dropped == 3


def test_a_histogram_keeps_only_the_sampled_span() -> None:
    instrument = histogram()
    bound = instrument.with_attributes({"kind": "a"})
    bound.record(0.2, _SAMPLED)
    bound.record(0.3, _DROPPED)
    (series,) = instrument.snapshots()
    assert isinstance(series, HistogramSnapshot)
    assert (sum(series.counts), series.total, series.smallest, series.largest) == (2, 0.5, 0.2, 0.3)
    assert [(each.value, each.trace_id, each.span_id) for each in series.exemplars] == [(0.2, 7, 8)]


@pytest.mark.parametrize("amount", [-1, math.inf, math.nan])
def test_a_histogram_rejects_invalid_measurements(amount: float) -> None:
    instrument = histogram()
    instrument.with_attributes({"kind": "a"}).record(amount, _DROPPED)
    assert instrument.losses.refused.total() == 1
    assert values(instrument.snapshots()) in ([], [0])
