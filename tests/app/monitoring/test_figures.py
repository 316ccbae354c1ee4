"""A process's own figures: series are added up by the labels that are asked for."""

from __future__ import annotations

import math

from app.monitoring.figures import ProcessFigures
from otel import Buckets, MetricFamily
from otel.metrics.family import Series


def buckets(first: float, second: float, total: float) -> Buckets:
    return Buckets(((1.0, first), (math.inf, second)), total)


FIGURES = ProcessFigures(
    [
        MetricFamily(
            "wait_seconds",
            "histogram",
            "seconds",
            "Waiting.",
            (
                Series({"route": "/a", "status": "200"}, buckets(1, 3, 4.5)),
                Series({"route": "/a", "status": "500"}, buckets(2, 2, 0.5)),
                Series({"route": "/b", "status": "200"}, buckets(0, 1, 9.0)),
            ),
        ),
        MetricFamily(
            "size", "gauge", "", "Sizes.", (Series({"x": "1"}, 2.0), Series({"x": "1", "y": "1"}, 5.0))
        ),
    ],
    seconds=60,
)


async def test_histograms_of_one_label_are_added_up() -> None:
    found = await FIGURES.histograms("wait_seconds", ("route",))
    assert found == {("/a",): buckets(3, 5, 5.0), ("/b",): buckets(0, 1, 9.0)}
    assert await FIGURES.histograms("wait_seconds", (), {"route": "/b"}) == {(): buckets(0, 1, 9.0)}
    assert await FIGURES.histograms("nothing", ()) == {}


async def test_a_histograms_count_and_sum_are_counters() -> None:
    assert await FIGURES.increases("wait_seconds_count", ("status",)) == {("200",): 4, ("500",): 2}
    assert await FIGURES.increases("wait_seconds_sum", ()) == {(): 14.0}


async def test_a_gauges_values_are_added_up_or_the_largest_is_taken() -> None:
    assert await FIGURES.levels("size", ("x",)) == {("1",): 7.0}
    assert await FIGURES.levels("size", ("x", "y"), how="max") == {("1", ""): 2.0, ("1", "1"): 5.0}
    assert await FIGURES.levels("size", ("x",), how="max") == {("1",): 5.0}
