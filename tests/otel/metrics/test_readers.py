"""Metric export: over OTLP with exemplars, as Prometheus text, and for metrics that libraries record."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import pytest
from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from otel.docs import UNDECLARED_LIMIT, render
from otel.metrics.catalogue import (
    ANY_BOUNDED,
    Allowed,
    Catalogue,
    Counter,
    External,
    Gauge,
    Histogram,
    UpDownCounter,
)
from otel.metrics.data import DeclaredMetrics
from otel.metrics.declaration import Kind
from otel.metrics.prometheus_name import prometheus_name
from otel.telemetry import Telemetry
from tests.otel.conftest import Configure
from tests.otel.prometheus import families
from tests.otel.receiver import Receiver, receiver, text_attributes

ENROLLMENTS = Counter(
    "lms.enrollments",
    unit="{enrollment}",
    description="Enrolments.",
    attributes={"outcome": ("created", "full")},
)
WAIT = Histogram(
    "lms.wait", unit="s", description="Waiting.", attributes={"room": ("a", "b")}, buckets=(1, 2)
)
SEATS = UpDownCounter("lms.seats", unit="{seat}", description="Seats.")
SHARE = Gauge("lms.share", unit="1", description="Share.")
FOREIGN = External(
    "somelib.calls",
    kind="counter",
    unit="{call}",
    description="Calls.",
    recorded_by="somelib",
    attributes={"method": ANY_BOUNDED()},
    limit=10,
)
CATALOGUE = Catalogue("lms", ENROLLMENTS, WAIT, SEATS, SHARE, FOREIGN)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    DeclaredMetrics([CATALOGUE]).forget()


def exported(collector: Receiver, name: str) -> Metric:
    [metric] = collector.latest(name).values()
    return metric


def test_declared_metrics_are_exported_over_otlp(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(CATALOGUE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        ENROLLMENTS.add(2, {"outcome": "created"})
        SEATS.add(-3)
        SHARE.set(0.25)
        assert telemetry.flush(5)
        total = exported(collector, "lms.enrollments")
        assert total.sum.is_monotonic
        assert {text_attributes(p.attributes)["outcome"]: p.as_int for p in total.sum.data_points} == {
            "created": 2,
            "full": 0,
        }
        seats = exported(collector, "lms.seats")
        assert not seats.sum.is_monotonic
        assert seats.sum.data_points[0].as_int == -3
        assert exported(collector, "lms.share").gauge.data_points[0].as_double == 0.25
        assert telemetry.shutdown().complete


def test_a_histogram_is_exported_with_its_exemplar(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(CATALOGUE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        with trace.get_tracer("t").start_as_current_span("s") as span:
            WAIT.record(1.5, {"room": "a"})
        telemetry.prometheus_text()
        assert telemetry.flush(5)
        [point] = exported(collector, "lms.wait").histogram.data_points
        assert list(point.bucket_counts) == [0, 1, 0]
        assert list(point.explicit_bounds) == [1, 2]
        [exemplar] = point.exemplars
        assert exemplar.trace_id == span.get_span_context().trace_id.to_bytes(16, "big")
        assert exemplar.as_double == 1.5


def test_exemplars_can_be_switched_off(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(
            CATALOGUE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_METRICS_EXEMPLAR_FILTER="always_off"
        )
        with trace.get_tracer("t").start_as_current_span("s"):
            WAIT.record(1.5, {"room": "a"})
        assert telemetry.flush(5)
        assert not exported(collector, "lms.wait").histogram.data_points[0].exemplars


def quiet(configure: Configure, **environ: str) -> Telemetry:
    none = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
    return configure(CATALOGUE, **none, **environ)


def test_prometheus_text_shows_the_same_under_prometheus_names(configure: Configure) -> None:
    telemetry = quiet(configure)
    ENROLLMENTS.add(2, {"outcome": "created"})
    WAIT.record(1.5, {"room": "a"})
    SHARE.set(0.5)
    found = families(telemetry)
    assert found["lms_enrollments"]["lms_enrollments_total", (("outcome", "created"),)] == 2
    assert found["lms_wait_seconds"]["lms_wait_seconds_bucket", (("le", "2.0"), ("room", "a"))] == 1
    assert found["target_info"]
    assert prometheus_name(ENROLLMENTS.declaration) == "lms_enrollments_total"
    assert prometheus_name(WAIT.declaration) == "lms_wait_seconds"
    assert prometheus_name(SHARE.declaration) == "lms_share_ratio"


def test_prometheus_text_can_be_switched_off(configure: Configure) -> None:
    telemetry = quiet(configure, TELEMETRY_PROMETHEUS="off")
    with pytest.raises(RuntimeError, match="TELEMETRY_PROMETHEUS"):
        telemetry.prometheus_text()


def test_a_library_metric_keeps_listed_attributes_and_its_limit(configure: Configure) -> None:
    telemetry = quiet(configure)
    calls = metrics.get_meter("somelib").create_counter("somelib.calls", unit="{call}")
    for number in range(100):
        calls.add(1, {"method": f"M{number}", "host": f"h{number}"})
    series = families(telemetry)["somelib_calls"]
    assert len(series) == 11
    overflow = [value for (_, labels), value in series.items() if ("otel_metric_overflow", "true") in labels]
    assert overflow == [90]
    assert losses(telemetry, "somelib.calls") == {"dropped": 100, "folded": 90}
    assert all("host" not in dict(labels) for _, labels in series)


def losses(telemetry: Telemetry, metric: str) -> dict[str, float]:
    """Returns the metric's losses to the rules, by the last word of the metric that counts them."""
    label = (("metric", metric),)
    found = families(telemetry)
    return {
        name.rpartition("_")[2]: found[name][f"{name}_total", label]
        for name in (
            "telemetry_attributes_dropped",
            "telemetry_values_replaced",
            "telemetry_measurements_folded",
        )
        if (f"{name}_total", label) in found.get(name, {})
    } | refusals(telemetry, metric)


def refusals(telemetry: Telemetry, metric: str) -> dict[str, float]:
    """Returns the metric's rejected measurements, by reason."""
    counted = families(telemetry).get("telemetry_measurements_refused", {})
    return {
        dict(labels)["reason"]: value
        for (_, labels), value in counted.items()
        if ("metric", metric) in labels
    }


def test_the_rules_apply_to_a_librarys_measurements(configure: Configure) -> None:
    listed: dict[str, Allowed] = {"method": ("a",)}

    def external(name: str, kind: Kind) -> External:
        return External(name, kind=kind, unit="s", description="X.", recorded_by="x", attributes=listed)

    kinds: tuple[Kind, ...] = ("counter", "updowncounter", "gauge", "histogram")
    telemetry = configure(Catalogue("x", *(external(f"x.{kind}", kind) for kind in kinds)))
    meter, bad = metrics.get_meter("somelib"), {"method": "zzz", "mail": "a@b.example"}
    context = trace.set_span_in_context(trace.INVALID_SPAN)
    for _ in range(2):  # a library may create an instrument twice
        meter.create_counter("x.counter", "s").add(1, bad, context)
        meter.create_up_down_counter("x.updowncounter", "s").add(1, bad, context)
        meter.create_gauge("x.gauge", "s").set(1, bad, context)
        meter.create_histogram("x.histogram", "s").record(1, bad, context)
    for kind in kinds:
        assert losses(telemetry, f"x.{kind}") == {"dropped": 2, "replaced": 2}
    text = telemetry.prometheus_text().decode()
    assert "zzz" not in text
    assert "a@b.example" not in text
    found = families(telemetry)
    assert found["x_counter_seconds"]["x_counter_seconds_total", (("method", "_OTHER"),)] == 2
    assert found["x_histogram_seconds"]["x_histogram_seconds_count", (("method", "_OTHER"),)] == 2


def test_the_rules_apply_to_a_librarys_callbacks(configure: Configure) -> None:
    def observe(_: metrics.CallbackOptions) -> list[Observation]:
        return [Observation(7, {"method": "M", "host": "h"})]

    def generate() -> Generator[Iterable[Observation], metrics.CallbackOptions, None]:
        yield []
        while True:
            yield [Observation(3, {"method": "N"})]

    telemetry = quiet(configure)
    meter = metrics.get_meter("somelib")
    meter.create_observable_counter("SomeLib.calls", [observe, generate()], "{call}")
    series = families(telemetry)["somelib_calls"]
    assert {labels: value for (_, labels), value in series.items()} == {
        (("method", "M"),): 7,
        (("method", "N"),): 3,
    }
    assert losses(telemetry, "somelib.calls")["dropped"] >= 1


def test_a_library_metric_of_another_unit_is_not_the_declared_one(configure: Configure) -> None:
    telemetry = quiet(configure)
    metrics.get_meter("somelib").create_counter("somelib.calls", "ms").add(1, {"method": "M", "host": "h"})
    assert families(telemetry)["somelib_calls_milliseconds"] == {
        ("somelib_calls_milliseconds_total", (("method", "M"),)): 1
    }


def test_an_undeclared_metric_is_exported_unchanged_up_to_a_limit(configure: Configure) -> None:
    telemetry = quiet(configure)
    calls = metrics.get_meter("somelib").create_counter("somelib.undeclared")
    for number in range(UNDECLARED_LIMIT + 5):
        calls.add(1, {"number": number})
    series = families(telemetry)["somelib_undeclared"]
    assert len(series) == UNDECLARED_LIMIT + 1
    overflow = [value for (_, labels), value in series.items() if ("otel_metric_overflow", "true") in labels]
    assert overflow == [5]
    assert f"at most {UNDECLARED_LIMIT} series" in render([])


def test_losses_to_the_rules_are_reported(configure: Configure) -> None:
    telemetry = quiet(configure)
    ENROLLMENTS.add(1, {"outcome": "bribed", "mail": "a@b.example"})
    ENROLLMENTS.add(-1)
    assert losses(telemetry, "lms.enrollments") == {"dropped": 1, "replaced": 1, "negative": 1}
    assert "a@b.example" not in telemetry.prometheus_text().decode()


def test_our_metrics_are_exported_beside_the_sdks_of_the_same_scope(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(CATALOGUE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        ENROLLMENTS.add(1, {"mail": "a@b.example"})
        assert telemetry.flush(5)
        assert collector.latest("telemetry.attributes.dropped")
        assert collector.latest("telemetry.series")
        assert telemetry.flush(5)
        assert collector.latest("otel.sdk.exporter.metric_data_point.exported")
        assert collector.latest("otel.sdk.metric_reader.collection.duration")


def test_no_series_appears_twice_in_the_prometheus_text(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(CATALOGUE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        assert telemetry.flush(5)
        lines = telemetry.prometheus_text().decode().splitlines()
    samples = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(samples) == len(set(samples))


def test_two_catalogues_may_not_declare_the_same_metric(configure: Configure) -> None:
    double = Catalogue("other", Counter("lms.enrollments", unit="1", description="X."))
    with pytest.raises(ValueError, match=r"lms\.enrollments is declared by"):
        configure(CATALOGUE, double)
