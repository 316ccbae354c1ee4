"""Instruments never raise, whatever the input, and their cache gives the same results as the rules."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from otel.metrics.catalogue import (
    ANY_BOUNDED,
    Allowed,
    Catalogue,
    Counter,
    Declared,
    Gauge,
    Histogram,
    IntegerRange,
    UpDownCounter,
)
from otel.metrics.data import DeclaredMetrics
from otel.metrics.losses import Losses
from otel.metrics.series import HistogramSnapshot
from tests.otel.odd import AMOUNTS, ATTRIBUTES, EQUAL, ODD

RULES: dict[str, Allowed] = {
    "listed": ("created", 1, 0),
    "text": ANY_BOUNDED(limit=2),
    "whole": IntegerRange(0, 300),
    "kind": ANY_BOUNDED(limit=20),
}
KINDS: tuple[type[Declared], ...] = (Counter, UpDownCounter, Gauge, Histogram)
AMOUNT = st.sampled_from([1, 2.5, 2**63, -1, "3"])
NAMES = st.sets(st.sampled_from([*RULES, "other"]), max_size=2)


@st.composite
def calls(draw: st.DrawFn) -> list[tuple[Any, dict[str, Any]]]:
    """Draws calls whose attributes have few names, and values that are mostly equal to each other."""
    names, groups = draw(NAMES), draw(st.lists(st.sampled_from(EQUAL), min_size=1, max_size=2))
    values = st.sampled_from([value for group in groups for value in group])
    attributes = st.fixed_dictionaries(dict.fromkeys(sorted(names), values))
    return draw(st.lists(st.tuples(AMOUNT, attributes), max_size=12))


def made(kind: type[Declared], limit: int = 5) -> Declared:
    options: dict[str, Any] = {"attributes": RULES, "limit": limit}
    return kind("odd.things", unit="s", description="Things.", **options)


def record(instrument: Declared, amount: Any, attributes: Any, context: Any = None) -> None:  # noqa: ANN401 - anything
    if isinstance(instrument, Histogram):
        instrument.record(amount, attributes, context)
    elif isinstance(instrument, Gauge):
        instrument.set(amount, attributes, context)
    else:
        instrument.add(amount, attributes, context)


def state(instrument: Declared) -> tuple[dict[str, Any], tuple[object, ...]]:
    """Returns the instrument's state by the repr of its attributes, which differs for True and 1."""
    series = {
        repr(each.attributes): (each.counts, each.total)
        if isinstance(each, HistogramSnapshot)
        else each.value
        for each in instrument.snapshots()
    }
    losses = instrument.losses
    return series, (losses.dropped, losses.replaced, losses.folded, losses.refused)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(calls())
def test_a_cached_call_gives_the_same_as_the_rules(
    kind: type[Declared], made_calls: list[tuple[Any, dict[str, Any]]]
) -> None:
    quick, slow = made(kind), made(kind)
    for amount, attributes in made_calls * 2:
        record(quick, amount, attributes)
        slow._aliases.clear()
        record(slow, amount, attributes)
    assert state(quick) == state(slow)


@pytest.mark.parametrize("kind", [Counter, UpDownCounter, Histogram])
@settings(deadline=None)
@given(calls())
def test_a_bound_series_gives_the_same_as_its_instrument(
    kind: type[Any], made_calls: list[tuple[Any, dict[str, Any]]]
) -> None:
    instrument, kept = made(kind), made(kind)
    handles: list[Any] = [kept.with_attributes(attributes) for _, attributes in made_calls]  # type: ignore[union-attr]  # no gauge
    for (amount, attributes), handle in zip(made_calls * 2, handles * 2, strict=True):
        record(instrument, amount, attributes)
        if kind is Histogram:
            handle.record(amount, INVALID_SPAN_CONTEXT)
        else:
            handle.add(amount)
    assert state(instrument) == state(kept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attributes", ATTRIBUTES, ids=lambda each: type(each).__name__)
def test_an_instrument_never_raises(kind: type[Declared], attributes: Any) -> None:  # noqa: ANN401 - anything
    instrument = made(kind, 1000)
    for amount in AMOUNTS:
        record(instrument, amount, attributes)
    for context in ODD:
        record(instrument, 1, attributes, context)
    assert encoded(instrument)
    if isinstance(instrument, Histogram):
        for span in ODD:
            instrument.with_attributes(attributes).record(1, span)
        taken = sum(point.count for point in encoded(instrument))
        assert taken + instrument.losses.refused.total() == len(AMOUNTS) + 2 * len(ODD)


def encoded(instrument: Declared) -> list[Any]:
    """Returns the points as the exporter encodes them."""
    sdks = MetricsData([ResourceMetrics(Resource({}), [], "")])
    every = DeclaredMetrics([Catalogue("odd", instrument)]).added_to(sdks, take_exemplars=True)
    sent = ExportMetricsServiceRequest.FromString(encode_metrics(every).SerializeToString())
    [metric] = sent.resource_metrics[0].scope_metrics[0].metrics
    return list(getattr(metric, metric.WhichOneof("data") or "").data_points)


@pytest.mark.parametrize("kind", [Counter, UpDownCounter, Gauge])
def test_a_bad_observation_costs_only_itself(kind: type[Any]) -> None:
    instrument: Any = made(kind, 1000)
    good = [Observation(1, each) for each in ATTRIBUTES]
    instrument.observe(lambda: [*ODD, *good, Observation(7, {"kind": "z"})])
    values = {each.attributes: each.value for each in instrument.snapshots()}
    assert values[("kind", "z"),] == 7
    assert instrument.losses.refused["not_a_number"] == len(ODD)


def test_losses_are_counted_by_reason() -> None:
    losses = Losses()
    for amount in (-1, math.nan, 10**400, None, "3"):
        assert losses.admitted(amount, may_be_negative=False) is None
    assert losses.refused == {"negative": 1, "not_finite": 2, "not_a_number": 2}
