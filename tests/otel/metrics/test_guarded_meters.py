"""Metrics that libraries record through the plain API: a bad measurement costs only itself."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel.metrics.data import DeclaredMetrics
from otel.metrics.finite_sums import FiniteSums
from otel.metrics.self import SELF_METRICS
from otel.metrics.sendable import sendable, sendable_number
from otel.telemetry import Telemetry
from tests.otel.conftest import Configure
from tests.otel.odd import AMOUNTS, ATTRIBUTES, HALF, ODD
from tests.otel.prometheus import families
from tests.otel.receiver import Receiver, receiver

METHODS = {"counter": "add", "up_down_counter": "add", "gauge": "set", "histogram": "record"}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    DeclaredMetrics([SELF_METRICS]).forget()


def refused(telemetry: Telemetry) -> dict[str, dict[str, float]]:
    """Returns the rejected measurements by metric and reason."""
    found: dict[str, dict[str, float]] = {}
    for (_, labels), value in families(telemetry).get("telemetry_measurements_refused", {}).items():
        found.setdefault(dict(labels)["metric"], {})[dict(labels)["reason"]] = value
    return found


def unencodable(telemetry: Telemetry) -> dict[str, float]:
    counted = families(telemetry)["telemetry_values_unencodable"]
    return {dict(labels)["reason"]: value for (_, labels), value in counted.items() if value}


def sent(collector: Receiver, name: str) -> list[Any]:
    [metric] = collector.latest(name).values()
    return list(getattr(metric, metric.WhichOneof("data") or "").data_points)


@pytest.mark.parametrize("kind", METHODS)
def test_no_recorded_value_raises_or_blocks_the_others(configure: Configure, kind: str) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        meter = metrics.get_meter("somelib")
        record = getattr(getattr(meter, f"create_{kind}")("somelib.odd"), METHODS[kind])
        for amount in AMOUNTS:
            record(amount, {"kind": "amount"})
        for attributes in ATTRIBUTES:
            record(1, attributes)
        for context in ODD:
            record(1, {"kind": "context"}, context)
        meter.create_counter("somelib.good").add(7)
        for _ in range(2):
            assert telemetry.flush(10)
            assert sent(collector, "somelib.good")[0].as_int == 7
            assert sent(collector, "somelib.odd")
            assert families(telemetry)["somelib_good"]["somelib_good_total", ()] == 7
        assert telemetry.accounting()["metrics"]["dropped"] == {}
    reasons = refused(telemetry)["somelib.odd"]
    assert reasons["not_a_number"] > 0
    assert ("negative" in reasons) is (kind in ("counter", "histogram"))


def test_a_sum_over_64_bits_is_exported_as_a_float(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        counter = metrics.get_meter("somelib").create_counter("somelib.bytes")
        for _ in range(4):
            counter.add(2**62)
        assert telemetry.flush(10)
        assert sent(collector, "somelib.bytes")[0].as_double == 2.0**64
        assert families(telemetry)["somelib_bytes"]["somelib_bytes_total", ()] == 2.0**64
    assert unencodable(telemetry)["integer_over_64_bits"] >= 1


SUMMED = {"counter": "add", "up_down_counter": "add", "histogram": "record"}


def sum_of(point: Any) -> float:  # noqa: ANN401 - a point of any kind
    return float(getattr(point, "sum", 0) or getattr(point, "as_double", 0))


@pytest.mark.parametrize("kind", SUMMED)
def test_only_the_amount_that_would_make_a_sum_infinite_is_rejected(configure: Configure, kind: str) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        instrument = getattr(metrics.get_meter("somelib"), f"create_{kind}")("somelib.bytes")
        record = getattr(instrument, SUMMED[kind])
        for side in ("left", "right", "left", "left"):
            record(1.7e308, {"side": side})
        record(2**62, {"side": "left"})
        for _ in range(2):
            assert telemetry.flush(10)
            points = sent(collector, "somelib.bytes")
            assert [sum_of(point) for point in points] == [1.7e308, 1.7e308]
            assert 1.7e308 in families(telemetry)["somelib_bytes"].values()
    assert refused(telemetry)["somelib.bytes"] == {"not_finite": 2}
    assert "not_finite" not in unencodable(telemetry)


def test_a_sum_that_has_shrunk_accepts_a_large_amount_again(configure: Configure) -> None:
    telemetry = configure(OTEL_METRICS_EXPORTER="none")
    counter = metrics.get_meter("somelib").create_up_down_counter("somelib.level")
    for amount in (1.7e308, 1.7e308, -1.7e308, 1e308, -1.7e308, -1.7e308):
        counter.add(amount)
    assert list(families(telemetry)["somelib_level"].values()) == [1e308 - 1.7e308]
    assert refused(telemetry)["somelib.level"] == {"not_finite": 2}


def test_sums_of_large_amounts_are_tracked_for_a_bounded_number_of_series() -> None:
    sums = FiniteSums()
    taken = [sums.record(1, 1e308, {"n": number}, lambda: None) for number in range(2005)]
    assert taken.count(True) == 2001, "those beyond the limit share one sum"
    assert sums.record(1, 0.5e308, {"n": 3}, lambda: None)


def test_a_gauge_accepts_large_values_repeatedly(configure: Configure) -> None:
    telemetry = configure(OTEL_METRICS_EXPORTER="none")
    gauge = metrics.get_meter("somelib").create_gauge("somelib.level")
    for _ in range(3):
        gauge.set(1.7e308)
    assert list(families(telemetry)["somelib_level"].values()) == [1.7e308]


def test_texts_are_made_encodable_everywhere(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        meter = metrics.get_meter_provider().get_meter(HALF, HALF, HALF, {HALF: HALF})
        meter.create_counter("somelib.odd", description=HALF).add(1, {HALF: HALF, "n": 2**70})
        assert telemetry.flush(10)
        assert "a?b" in telemetry.prometheus_text().decode()
        metric = collector.latest("somelib.odd")
        [found] = metric.values()
        assert found.description == "a?b"
        assert {each.key: each.value.string_value for each in found.sum.data_points[0].attributes} == {
            "a?b": "a?b",
            "n": str(2**70),
        }
    assert unencodable(telemetry) == {"lone_surrogate": 8, "integer_over_64_bits": 1}


def test_values_that_encode_alike_are_one_series(configure: Configure) -> None:
    telemetry = configure(OTEL_METRICS_EXPORTER="none")
    counter = metrics.get_meter("somelib").create_counter("somelib.odd")
    counter.add(1, {"kind": "\ud800"})
    counter.add(1, {"kind": "\udfff"})
    assert list(families(telemetry)["somelib_odd"].values()) == [2]


@pytest.mark.parametrize("kind", ["observable_counter", "observable_gauge", "observable_up_down_counter"])
def test_a_bad_observation_costs_only_itself(configure: Configure, kind: str) -> None:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for amount in AMOUNTS:
            yield Observation(amount, {"kind": "amount"})
        for attributes in ATTRIBUTES:
            yield Observation(1, attributes)
        yield from ODD
        yield Observation(7, {"kind": "last"})

    telemetry = configure(OTEL_METRICS_EXPORTER="none")
    getattr(metrics.get_meter("somelib"), f"create_{kind}")("somelib.odd", [observe])
    series = families(telemetry)["somelib_odd"]
    assert [value for (_, labels), value in series.items() if ("kind", "last") in labels] == [7]
    assert refused(telemetry)["somelib.odd"]["not_finite"] > 0


@pytest.mark.parametrize("name", [HALF, "", "no spaces", None, 5, "a" * 300])
def test_an_instrument_that_the_sdk_rejects_does_nothing(
    configure: Configure,
    caplog: pytest.LogCaptureFixture,
    name: Any,  # noqa: ANN401 - anything
) -> None:
    telemetry = configure(OTEL_METRICS_EXPORTER="none")
    meter: Any = metrics.get_meter("somelib")
    logging.getLogger("otel.metrics").addHandler(caplog.handler)
    for kind, method in METHODS.items():
        for _ in range(2):
            getattr(getattr(meter, f"create_{kind}")(name, unit=HALF), method)(1)
    meter.create_observable_gauge(name, [lambda _: [Observation(1)]])
    assert telemetry.prometheus_text()
    assert "is not recorded" in caplog.text


def test_a_declared_sum_over_64_bits_becomes_a_float() -> None:
    assert sendable_number(2**63 - 1) == 2**63 - 1
    assert type(sendable_number(2**63)) is float
    assert math.isfinite(sendable_number(-(2**64)))


@pytest.mark.parametrize("value", [None, "3", float("nan")])
def test_only_the_unencodable_point_is_left_out(value: Any) -> None:  # noqa: ANN401 - anything
    points = [NumberDataPoint({}, 5, 3, each) for each in (1, value, 2**70)]
    metric = Metric("odd", "", "", Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True))
    scope = ScopeMetrics(InstrumentationScope("odd"), [metric], "")
    data = sendable(MetricsData([ResourceMetrics(Resource({}), [scope], "")]))
    left: Any = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert [each.value for each in left] == [1, 2.0**70]
    assert all(each.time_unix_nano == 5 for each in left), "the remaining points keep their timestamps"


def test_losses_of_undeclared_metrics_are_bounded() -> None:
    declared = DeclaredMetrics([])
    for number in range(1000):
        declared.losses_of(f"somelib.{number}").refuse("negative")
    assert len(declared.losses()) == 501
    assert declared.losses()["_OTHER"].refused["negative"] == 500
    declared.forget()
    assert not any(each.refused for each in declared.losses().values())
