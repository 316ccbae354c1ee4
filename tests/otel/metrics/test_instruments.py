from __future__ import annotations

import math
import threading
from enum import StrEnum

import pytest
from opentelemetry.metrics import Observation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel.metrics.attributes import OVERFLOW_KEY
from otel.metrics.catalogue import (
    ANY_BOUNDED,
    Catalogue,
    Counter,
    External,
    Gauge,
    Histogram,
    IntegerRange,
    UpDownCounter,
)
from otel.metrics.series import HistogramSnapshot, NumberSnapshot


def numbers(instrument: Counter | UpDownCounter | Gauge) -> dict[tuple[tuple[str, object], ...], float]:
    found = instrument.snapshots()
    return {each.attributes: each.value for each in found if isinstance(each, NumberSnapshot) and each.value}


def histogram_of(instrument: Histogram) -> HistogramSnapshot:
    [snapshot] = instrument.snapshots()
    assert isinstance(snapshot, HistogramSnapshot)
    return snapshot


def enrollments(**options: int) -> Counter:
    return Counter(
        "lms.enrollments",
        unit="{enrollment}",
        description="Enrolments.",
        attributes={"outcome": ("created", "full")},
        **options,
    )


def routes(limit: int = 1000, texts: int = 200) -> Counter:
    return Counter(
        "http.requests",
        unit="{request}",
        description="Requests.",
        attributes={"http.route": ANY_BOUNDED(limit=texts), "status": IntegerRange(100, 599)},
        limit=limit,
    )


def test_an_allowed_value_is_counted() -> None:
    counter = enrollments()
    for _ in range(3):
        counter.add(1, {"outcome": "created"})
    assert numbers(counter) == {(("outcome", "created"),): 3}


def test_a_value_that_is_not_allowed_becomes_other() -> None:
    counter = enrollments()
    for value in ("bribed", 7, None, ["created"]):
        counter.add(1, {"outcome": value})
    assert numbers(counter) == {(("outcome", "_OTHER"),): 4}
    assert counter.losses.replaced == 4


def test_an_undeclared_attribute_is_dropped_and_counted() -> None:
    counter = enrollments()
    counter.add(1, {"outcome": "full", "user.id": "usr_1"})
    counter.add(1, {"outcome": "full", "user.id": "usr_2"})
    assert numbers(counter) == {(("outcome", "full"),): 2}
    assert counter.losses.dropped == 2


def test_an_enumeration_member_counts_as_its_text() -> None:
    outcome = StrEnum("outcome", {"CREATED": "created"})
    counter = enrollments()
    counter.add(1, {"outcome": outcome["CREATED"]})
    [(key, _)] = numbers(counter).items()
    assert type(key[0][1]) is str


def test_listed_values_start_at_zero_so_that_the_first_increment_shows() -> None:
    values = {
        each.attributes: each.value for each in enrollments().snapshots() if isinstance(each, NumberSnapshot)
    }
    assert values == {(("outcome", "created"),): 0, (("outcome", "full"),): 0}


def test_unlisted_values_have_no_series_before_their_first_measurement() -> None:
    assert routes().snapshots() == []


def test_order_of_attributes_does_not_matter() -> None:
    counter = routes()
    counter.add(1, {"http.route": "/a", "status": 200})
    counter.add(1, {"status": 200, "http.route": "/a"})
    assert numbers(counter) == {(("http.route", "/a"), ("status", 200)): 2}


def test_an_integer_out_of_range_is_dropped() -> None:
    counter = routes()
    counter.add(1, {"http.route": "/a", "status": 999})
    assert numbers(counter) == {(("http.route", "/a"),): 1}
    assert counter.losses.dropped == 1


def test_a_flood_of_values_is_folded_and_loses_no_measurement() -> None:
    counter = routes(limit=50, texts=10_000)
    for number in range(5_000):
        counter.add(1, {"http.route": f"/{number}"})
    found = numbers(counter)
    assert len(found) == 51
    assert found[OVERFLOW_KEY] == counter.losses.folded == 4_950
    assert sum(found.values()) == 5_000
    assert len(counter._aliases) <= 50


def test_a_known_series_keeps_counting_in_a_flood() -> None:
    counter = routes(limit=5, texts=10_000)
    counter.add(1, {"http.route": "/courses"})
    for number in range(100):
        counter.add(1, {"http.route": f"/{number}"})
        counter.add(1, {"http.route": "/courses"})
    assert numbers(counter)[("http.route", "/courses"),] == 101


def test_a_flood_of_texts_becomes_other() -> None:
    counter = routes(texts=3)
    for number in range(100):
        counter.add(1, {"http.route": f"/{number}"})
    assert len(numbers(counter)) == 4
    assert numbers(counter)[("http.route", "_OTHER"),] == 97


def test_an_overlong_text_becomes_other() -> None:
    counter = routes()
    counter.add(1, {"http.route": "/" * 10_000})
    assert numbers(counter) == {(("http.route", "_OTHER"),): 1}


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf, -math.inf])
def test_a_counter_rejects_invalid_amounts(amount: float) -> None:
    counter = enrollments()
    counter.add(amount, {"outcome": "created"})
    assert numbers(counter) == {}
    assert counter.losses.refused.total() == 1


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf])
def test_a_histogram_rejects_invalid_values(amount: float) -> None:
    histogram = Histogram("x.duration", unit="s", description="X.")
    histogram.record(amount)
    assert histogram.losses.refused.total() == 1
    assert histogram.snapshots() == []


def test_an_up_down_counter_goes_down() -> None:
    active = UpDownCounter("x.active", unit="{x}", description="X.")
    active.add(2)
    active.add(-1)
    active.add(math.nan)
    assert numbers(active) == {(): 1}


def test_a_gauge_keeps_the_last_value() -> None:
    gauge = Gauge("x.level", unit="1", description="X.")
    gauge.set(3)
    gauge.set(-2.5)
    gauge.set(math.inf)
    assert numbers(gauge) == {(): -2.5}


def test_histogram_bounds_belong_to_the_lower_bucket() -> None:
    histogram = Histogram("x.score", unit="1", description="X.", buckets=(0.5, 1))
    for score in (0, 0.5, 0.51, 1, 2):
        histogram.record(score)
    found = histogram_of(histogram)
    assert found.counts == (2, 2, 1)
    assert (found.smallest, found.largest, found.total) == (0, 2, 4.01)


def test_an_exemplar_is_the_sampled_span_and_is_taken_once() -> None:
    histogram = Histogram("x.duration", unit="s", description="X.")
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        histogram.record(0.02)
    [exemplar] = histogram_of(histogram).exemplars
    assert exemplar.trace_id == span.get_span_context().trace_id
    assert exemplar.value == 0.02
    assert histogram_of(histogram).exemplars == ()


def test_reading_without_taking_leaves_the_exemplar_for_the_export() -> None:
    histogram = Histogram("x.duration", unit="s", description="X.")
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("s"):
        histogram.record(0.02)
    histogram.snapshots(take_exemplars=False)
    assert len(histogram_of(histogram).exemplars) == 1


def test_an_unsampled_span_is_not_an_exemplar() -> None:
    histogram = Histogram("x.duration", unit="s", description="X.")
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("s"):
        histogram.record(0.02)
    assert histogram_of(histogram).exemplars == ()


def test_a_callback_provides_the_values_until_it_is_removed() -> None:
    gauge = Gauge("x.level", unit="1", description="X.", attributes={"side": ("left", "right")})
    undo = gauge.observe(lambda: [Observation(4, {"side": "left"}), Observation(math.nan, {"side": "right"})])
    assert numbers(gauge) == {(("side", "left"),): 4}
    undo()
    undo()
    gauge.set(5, {"side": "left"})
    assert numbers(gauge) == {(("side", "left"),): 5}


def test_a_broken_callback_is_logged_and_the_others_still_report(caplog: pytest.LogCaptureFixture) -> None:
    gauge = Gauge("x.level", unit="1", description="X.")
    gauge.observe(lambda: [Observation(1 / 0)])
    gauge.observe(lambda: [Observation(1)])
    assert numbers(gauge) == {(): 1}
    assert "x.level" in caplog.text


def test_threads_lose_no_increment() -> None:
    counter = routes()

    def work() -> None:
        for number in range(2_000):
            counter.add(1, {"http.route": f"/{number % 7}"})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(numbers(counter).values()) == 8_000


@pytest.mark.parametrize(
    ("name", "unit", "description", "part"),
    [
        pytest.param("Lms.Enrollments", "1", "X.", "lower-case", id="capitals"),
        pytest.param("lms enrollments", "1", "X.", "lower-case", id="space"),
        pytest.param("lms.enrollments", "", "X.", "unit", id="no unit"),
        pytest.param("lms.enrollments", "1", "", "description", id="no description"),
    ],
)
def test_a_malformed_declaration_is_rejected_with_the_reason(
    name: str, unit: str, description: str, part: str
) -> None:
    with pytest.raises(ValueError, match=part):
        Counter(name, unit=unit, description=description)


def test_a_histogram_needs_buckets_unless_its_unit_has_them() -> None:
    with pytest.raises(ValueError, match="buckets"):
        Histogram("x.score", unit="1", description="X.")
    with pytest.raises(ValueError, match="increase"):
        Histogram("x.score", unit="1", description="X.", buckets=(1, 1))
    assert Histogram("x.size", unit="By", description="X.").declaration.buckets


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="limit"):
        enrollments(limit=0)
    with pytest.raises(ValueError, match="limit"):
        routes(texts=0)
    with pytest.raises(ValueError, match="at least one"):
        Counter("x", unit="1", description="X.", attributes={"a": ()})


def test_a_catalogue_rejects_a_duplicate_name() -> None:
    with pytest.raises(ValueError, match=r"twice: lms\.enrollments"):
        Catalogue("lms", enrollments(), enrollments())


def test_a_catalogue_separates_our_metrics_from_those_of_libraries() -> None:
    external = External("x.size", kind="histogram", unit="By", description="X.", recorded_by="somelib")
    ours = enrollments()
    catalogue = Catalogue("lms", ours, external)
    assert catalogue.instruments == (ours,)
    assert catalogue.external == (external,)
    assert list(catalogue) == [ours, external]
