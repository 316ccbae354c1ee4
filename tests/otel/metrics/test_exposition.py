"""The Prometheus page is valid whatever metrics there are: one type per name, one line per series."""

from __future__ import annotations

import math
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import metrics, trace
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from otel.metrics.catalogue import Catalogue, Histogram
from otel.metrics.data import DeclaredMetrics
from otel.metrics.family import Buckets
from otel.metrics.self import SELF_METRICS
from otel.telemetry import Telemetry
from stack.native.tools import tool_path
from tests.otel.conftest import Configure
from tests.otel.prometheus import families
from tests.otel.receiver import receiver

WAIT = Histogram("tests.wait", unit="s", description="Waiting.", buckets=(1, 2))
CATALOGUE = Catalogue("tests", WAIT)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    DeclaredMetrics([SELF_METRICS, CATALOGUE]).forget()


@pytest.fixture
def telemetry(configure: Configure) -> Telemetry:
    return configure(OTEL_METRICS_EXPORTER="none")


def page(telemetry: Telemetry) -> list[str]:
    """Returns the lines of the page after validating it."""
    text = telemetry.prometheus_text().decode()
    lines = text.splitlines()
    for kind in ("# TYPE ", "# HELP "):
        names = Counter(line.split()[2] for line in lines if line.startswith(kind))
        assert not [name for name, times in names.items() if times > 1]
    samples = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    checked = subprocess.run(
        [tool_path("promtool"), "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    assert checked.returncode != 1, checked.stderr  # 1 is a format error, 3 a style error
    return lines


def rich(telemetry: Telemetry) -> dict[str, Metric]:
    """Returns the families of the OpenMetrics page, read by the format's own strict parser."""
    text = telemetry.openmetrics_text().decode()
    return {found.name: found for found in openmetrics_families(text)}  # type: ignore[no-untyped-call]  # the library gives it no types


def left_out(telemetry: Telemetry) -> float:
    counted = families(telemetry)["telemetry_values_unencodable"]
    return counted["telemetry_values_unencodable_total", (("reason", "name_taken"),)]


def make(scope: str, kind: str, name: str, **options: Any) -> Any:  # noqa: ANN401 - any instrument
    return getattr(metrics.get_meter(scope), f"create_{kind}")(name, **options)


def test_the_first_metric_of_a_name_determines_its_type(telemetry: Telemetry) -> None:
    make("a", "counter", "jobs").add(1)
    make("b", "up_down_counter", "jobs.total").add(5)
    assert [line for line in page(telemetry) if "jobs" in line and not line.startswith("# HELP")] == [
        "# TYPE jobs_total counter",
        "jobs_total 1.0",
    ]
    assert left_out(telemetry) >= 1


def test_a_histogram_and_a_metric_named_like_one_of_its_lines(telemetry: Telemetry) -> None:
    make("a", "gauge", "wait_count").set(1)
    make("a", "histogram", "wait").record(2, {"x": "1"})
    make("a", "histogram", "size").record(2)
    make("a", "gauge", "size_bucket").set(1)
    found = families(telemetry)
    assert list(found["wait_count"].values()) == [1]
    assert "wait" not in found
    assert found["size"]["size_count", ()] == 1
    assert "size_bucket" not in found
    page(telemetry)
    assert left_out(telemetry) >= 2


def test_metrics_of_one_name_and_type_share_a_family(telemetry: Telemetry) -> None:
    make("a", "gauge", "room.seats", description="Seats.").set(1, {"x": "1"})
    make("b", "gauge", "room.seats", description="Chairs.").set(2, {"x": "2"})
    make("b", "gauge", "room_seats", description="Seats.").set(3, {"y": "3"})
    page(telemetry)
    assert families(telemetry)["room_seats"] == {
        ("room_seats", (("x", "1"),)): 1,
        ("room_seats", (("x", "2"),)): 2,
        ("room_seats", (("y", "3"),)): 3,
    }
    assert "# HELP room_seats Seats." in page(telemetry)
    assert left_out(telemetry) == 0


@pytest.mark.parametrize(("kind", "method"), [("gauge", "set"), ("counter", "add"), ("histogram", "record")])
def test_a_series_appears_once(telemetry: Telemetry, kind: str, method: str) -> None:
    bounds = {"explicit_bucket_boundaries_advisory": (1.0,)} if kind == "histogram" else {}
    getattr(make("a", kind, "depth", **bounds), method)(3, {"x.y": "1"})
    getattr(make("b", kind, "depth"), method)(4, {"x_y": "1"})
    page(telemetry)
    values = families(telemetry)["depth"].values()
    assert 3 in values
    assert 4 not in values
    assert left_out(telemetry) >= 1


def test_a_gauge_may_have_the_name_and_labels_of_a_histograms_line(telemetry: Telemetry) -> None:
    gauge = make("a", "gauge", "share_sum")
    for bound in ("1", "2"):
        gauge.set(1, {"le": bound})
    assert len(families(telemetry)["share_sum"]) == 2
    assert left_out(telemetry) == 0


def test_a_library_cannot_take_a_name_of_ours(telemetry: Telemetry) -> None:
    make("a", "gauge", "telemetry.values.unencodable.total").set(77)
    make("a", "gauge", "target.info").set(77)
    page(telemetry)
    assert all(77 not in series.values() for series in families(telemetry).values())
    assert left_out(telemetry) >= 2


def test_pages_rendered_concurrently_do_not_mix(telemetry: Telemetry) -> None:
    for number in range(50):
        make("a", "gauge", f"level.{number}").set(number)
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: telemetry.prometheus_text().decode(), range(40)))
    for text in texts:
        types = [line for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(types) == len(set(types))
        assert "level_49 49.0" in text
    assert left_out(telemetry) == 0


def test_exemplars_are_at_the_counters_and_buckets_that_they_belong_to(telemetry: Telemetry) -> None:
    wait = make("a", "histogram", "odd.wait", unit="s", explicit_bucket_boundaries_advisory=(-1.0, 0.0, 5.0))
    tracer = trace.get_tracer("t")
    expected: dict[tuple[str, str], str] = {}
    for room in ("x", "y"):
        for amount, le in ((0, "0.0"), (2, "5.0"), (9, "+Inf")):
            with tracer.start_as_current_span("s") as span:
                wait.record(amount, {"room": room})
                expected[room, le] = f"{span.get_span_context().trace_id:032x}"
    with tracer.start_as_current_span("s") as span:
        make("a", "counter", "odd.jobs").add(1, {"room": "x"})
        job = f"{span.get_span_context().trace_id:032x}"
    make("b", "counter", "odd.jobs").add(1, {"room": "z"})  # outside of a span

    found = rich(telemetry)
    buckets = {
        (sample.labels["room"], sample.labels["le"]): sample.exemplar.labels["trace_id"]
        for sample in found["odd_wait_seconds"].samples
        if sample.exemplar
    }
    assert buckets == expected
    jobs = {sample.labels["room"]: sample.exemplar for sample in found["odd_jobs"].samples}
    assert jobs["x"] is not None
    assert jobs["x"].labels["trace_id"] == job
    assert jobs["z"] is None


def test_openmetrics_stays_valid_when_names_are_taken(telemetry: Telemetry) -> None:
    make("a", "counter", "jobs").add(1)
    make("b", "up_down_counter", "jobs.total").add(5)
    make("a", "gauge", "wait_count").set(1)
    make("a", "histogram", "wait").record(2, {"x": "1"})
    make("a", "gauge", "share", unit="1", description='Half\nof "it" \\.').set(0.5, {"x": 'a"b\nc\\d'})
    found = rich(telemetry)
    assert found["jobs"].type == "counter"
    assert "wait" not in found
    [share] = found["share_ratio"].samples
    assert (found["share_ratio"].unit, share.labels) == ("ratio", {"x": 'a"b\nc\\d'})


def test_a_scrape_after_an_export_still_has_the_exemplars(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(CATALOGUE, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        with trace.get_tracer("t").start_as_current_span("s"):
            WAIT.record(1.5)
        assert telemetry.flush(5)
        [exemplar] = [
            each.exemplar for each in rich(telemetry)["tests_wait_seconds"].samples if each.exemplar
        ]
        assert exemplar.value == 1.5
        assert telemetry.flush(5)
        [point] = next(iter(collector.latest("tests.wait").values())).histogram.data_points
        assert not point.exemplars  # each goes over OTLP once


def test_families_are_plain_values_of_the_same_page(telemetry: Telemetry) -> None:
    make("a", "histogram", "wait", unit="s", explicit_bucket_boundaries_advisory=(1.0, 2.0)).record(
        1.5, {"x": "1"}
    )
    negative = {"unit": "s", "explicit_bucket_boundaries_advisory": (-1.0, 1.0)}
    make("a", "histogram", "age", **negative).record(0.5)
    make("a", "counter", "jobs").add(3)
    assert {each.name: len(each.series) for each in telemetry.metric_families()}["age_seconds"] == 0
    found = {each.name: each for each in telemetry.metric_families()}
    [wait] = found["wait_seconds"].series
    assert wait.labels == {"x": "1"}
    assert wait.value == Buckets(((1.0, 0.0), (2.0, 1.0), (math.inf, 1.0)), 1.5)
    assert (found["wait_seconds"].kind, found["wait_seconds"].unit) == ("histogram", "seconds")
    assert [each.value for each in found["jobs_total"].series] == [3]
