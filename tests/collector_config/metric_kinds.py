"""Metric points of every kind that OTLP can express, as requests, and which of them Prometheus rejects."""

from __future__ import annotations

import time
from typing import Any

Json = dict[str, Any]
NOW = time.time_ns()
HUGE = 2**64 - 1


def at(seconds: float) -> str:
    """Returns the time of the other points, plus seconds."""
    return str(NOW + int(seconds * 1e9))


def attribute(key: str, value: object = "x") -> Json:
    """Returns an attribute with a text, or with another value in OTLP's own form."""
    return {"key": key, "value": value if isinstance(value, dict) else {"stringValue": value}}


def request(*metrics: Json, resource: Json | None = None) -> Json:
    """Returns a request with the metrics of one service, or of a resource."""
    service = {"attributes": [attribute("service.name", "kinds")]}
    return {
        "resourceMetrics": [{"resource": resource or service, "scopeMetrics": [{"metrics": list(metrics)}]}]
    }


def number(**fields: object) -> Json:
    """Returns a data point of a gauge or sum."""
    return {"timeUnixNano": at(0), "asDouble": 1, **fields}


def gauge(name: str, *points: Json, **fields: object) -> Json:
    """Returns a gauge with these points, or with one."""
    return {"name": name, "gauge": {"dataPoints": list(points) or [number()]}, **fields}


def counter(name: str, *points: Json, temporality: int = 2, monotonic: bool = True) -> Json:
    """Returns a sum with these points, or with one."""
    points = points or (number(),)
    return {
        "name": name,
        "sum": {"aggregationTemporality": temporality, "isMonotonic": monotonic, "dataPoints": list(points)},
    }


def histogram(name: str, temporality: int = 2, **fields: object) -> Json:
    """Returns a histogram with one point of two buckets."""
    point = {"timeUnixNano": at(0), "count": "3", "sum": 3, "bucketCounts": ["1", "2"], "explicitBounds": [1]}
    return {
        "name": name,
        "histogram": {"aggregationTemporality": temporality, "dataPoints": [point | fields]},
    }


def exponential(name: str, temporality: int = 2, **fields: object) -> Json:
    """Returns an exponential histogram with one point, whose three observations are in three buckets."""
    buckets = {"offset": 0, "bucketCounts": ["1", "1"]}
    point = {"timeUnixNano": at(0), "count": "3", "sum": 3, "scale": 2, "zeroCount": "1", "positive": buckets}
    points = {"aggregationTemporality": temporality, "dataPoints": [point | fields]}
    return {"name": name, "exponentialHistogram": points}


def summary(name: str, *quantiles: tuple[object, object], **fields: object) -> Json:
    """Returns a summary with one point."""
    values = [{"quantile": quantile, "value": value} for quantile, value in quantiles]
    point = {"timeUnixNano": at(0), "count": "3", "sum": 3, "quantileValues": values, **fields}
    return {"name": name, "summary": {"dataPoints": [point]}}


EXEMPLAR: Json = {"timeUnixNano": at(0), "asDouble": 1, "traceId": "1" * 32, "spanId": "2" * 16}
EMPTY: Json = {"timeUnixNano": at(0)}

TAKEN: dict[str, Json] = {
    "gauge": request(gauge("a1")),
    "sum": request(counter("a2")),
    "sum that falls": request(counter("a3", monotonic=False)),
    "histogram": request(histogram("a4")),
    "exponential histogram": request(exponential("a5")),
    "summary": request(summary("a6", (0.5, 1))),
    "no points": request({"name": "b1", "gauge": {"dataPoints": []}}),
    "no value": request(gauge("b2", EMPTY)),
    "NaN": request(gauge("b3", number(asDouble="NaN"))),
    "infinite": request(gauge("b4", number(asDouble="-Infinity"))),
    "negative counter": request(counter("b5", number(asDouble=-5))),
    "no recorded value": request(
        gauge("b6", number(flags=1)), histogram("b7", flags=1), exponential("b8", flags=1)
    ),
    "start after its time": request(counter("b9", number(startTimeUnixNano=str(HUGE)))),
    "disorder": request(gauge("c1", number(), number(timeUnixNano=at(-60)))),
    "old, in the window": request(gauge("c2", number(timeUnixNano=at(-5 * 3600)))),
    "histogram without buckets": request(histogram("d1", bucketCounts=[], explicitBounds=[])),
    "more bounds than buckets": request(histogram("d2", explicitBounds=[1, 2, 3])),
    "fewer bounds than buckets": request(histogram("d3", explicitBounds=[])),
    "bounds out of order": request(histogram("d4", bucketCounts=["1"] * 3, explicitBounds=[2, 1])),
    "bounds that are none": request(
        histogram("d5", explicitBounds=["NaN"]), histogram("d6", explicitBounds=["Infinity"])
    ),
    "histogram whose count is off": request(histogram("d7", count="9")),
    "histogram of huge counts": request(histogram("d8", count=str(HUGE), bucketCounts=[str(HUGE), "1"])),
    "scales that are made coarser": request(exponential("e1", scale=20), exponential("e2", scale=2**31 - 1)),
    "smallest scale": request(exponential("e3", scale=-4)),
    "exponential without a sum that is a number": request(exponential("e4", count="9", sum="NaN")),
    "many exponential buckets": request(
        exponential("e5", count="5000", zeroCount="0", positive={"offset": 0, "bucketCounts": ["1"] * 5000})
    ),
    "zero threshold that is none": request(exponential("e6", zeroThreshold="NaN")),
    "quantiles that are none": request(summary("f1", (2, 1), (-1, 1), ("NaN", 1), (0.5, 1), (0.5, 2))),
    "no quantiles": request(summary("f2")),
    "exemplars": request(
        counter("g1", number(exemplars=[EXEMPLAR])), histogram("g2", exemplars=[EXEMPLAR] * 100)
    ),
    "exemplar that is long": request(
        counter("g3", number(exemplars=[EXEMPLAR | {"filteredAttributes": [attribute("a", "y" * 500)]}]))
    ),
    "exemplar of another time": request(histogram("g4", exemplars=[EXEMPLAR | {"timeUnixNano": str(HUGE)}])),
    "label of Prometheus": request(
        gauge(
            "h1", number(attributes=[attribute("__name__", "evil"), attribute("job"), attribute("instance")])
        )
    ),
    "labels that become one": request(gauge("h2", number(attributes=[attribute("a.b"), attribute("a_b")]))),
    "a label twice": request(gauge("h3", number(attributes=[attribute("a", "1"), attribute("a", "2")]))),
    "label with a digit first": request(gauge("h4", number(attributes=[attribute("1")]))),
    "label that is no ASCII": request(gauge("h5", number(attributes=[attribute("schlüssel", "ü\n\0")]))),
    "long labels": request(gauge("h6", number(attributes=[attribute("k" * 5000, "v" * 100_000)]))),
    "200 labels": request(gauge("h7", number(attributes=[attribute(f"k{index}") for index in range(200)]))),
    "labels without a text": request(
        gauge(
            "h8",
            number(
                attributes=[attribute("a", ""), attribute("b", {}), attribute("c", {"bytesValue": "/w=="})]
            ),
        )
    ),
    "no resource": {"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge("i1")]}]}]},
    "service that is a number": request(
        gauge("i2"), resource={"attributes": [attribute("service.name", {"intValue": "5"})]}
    ),
    "odd unit": request(gauge("j1", unit="{x}/{y}"), gauge("j2", unit="/s")),
    "two types of a name": request(gauge("j3"), counter("j3"), exponential("j3")),
    "two units of a name": request(gauge("j4", unit="s"), gauge("j4", unit="By")),
    "names that become one": request(gauge("j5.x"), gauge("j5_x", number(asDouble=2))),
    "a sample twice": request(gauge("j6", number(), number(asDouble=2))),
    "name of a metric that Prometheus makes": request(gauge("target_info"), gauge("target", unit="info")),
    "nothing": request(),
}

# Converted, or dropped alone, by any Collector.
REJECTED: dict[str, Json] = {
    "delta sum": request(counter("k1", temporality=1)),
    "delta histogram": request(histogram("k2", temporality=1)),
    "delta exponential histogram": request(exponential("k3", temporality=1)),
    "delta without points": request({"name": "k4", "sum": {"aggregationTemporality": 1, "dataPoints": []}}),
    "unspecified temporality": request(
        counter("k5", temporality=0), histogram("k6", 0), exponential("k7", 0)
    ),
    "unknown temporality": request(counter("k8", temporality=7)),
    "no type": request({"name": "k9"}),
    "no time": request(gauge("l1", {"asDouble": 1})),
    "too old": request(gauge("l2", number(timeUnixNano=at(-9 * 3600)))),
    # A day, because the points are made when tests are collected, which may be an hour before they are sent.
    "too far ahead": request(gauge("l3", number(timeUnixNano=at(24 * 3600)))),
    "time that overflows": request(gauge("l4", number(timeUnixNano=str(HUGE)))),
    "scale that is too coarse": request(exponential("m1", scale=-5)),
    "smallest possible scale": request(exponential("m2", scale=-(2**31))),
    "offset that overflows": request(
        exponential("m3", positive={"offset": 2**31 - 1, "bucketCounts": ["1", "1"]})
    ),
    "exemplar without a value": request(counter("n1", number(exemplars=[EMPTY]))),
    "exemplar of a histogram without a value": request(histogram("n2", exemplars=[EMPTY])),
    "exemplar of an exponential histogram without a value": request(exponential("n3", exemplars=[EMPTY])),
    "empty label": request(gauge("o1", number(attributes=[attribute("")]))),
    "label of underscores": request(gauge("o2", number(attributes=[attribute("___")]))),
    "label of signs": request(gauge("o3", number(attributes=[attribute("-:/")]))),
    "empty attribute of the resource": request(
        gauge("o4"), resource={"attributes": [attribute("service.name"), attribute("")]}
    ),
    "no name": request(gauge("")),
    "name of signs": request(gauge("ü")),
}
# These and those of AGAIN cost their whole request unless the lean build separates them: a stock processor
# neither adds up buckets nor knows what was sent before.
EXPONENTIAL: dict[str, Json] = {
    "fewer observations than in the buckets": request(exponential("p1", count="1")),
    "more observations than in the buckets": request(exponential("p2", count="9")),
    "buckets of huge counts": request(
        exponential("p3", count=str(HUGE), zeroCount="0", positive={"offset": 0, "bucketCounts": [str(HUGE)]})
    ),
}
# The second request of each pair.
AGAIN: dict[str, tuple[Json, Json]] = {
    "another value of the same time": (request(gauge("q1")), request(gauge("q1", number(asDouble=2)))),
    "another name that becomes the same": (
        request(gauge("q2.x")),
        request(gauge("q2_x", number(asDouble=2))),
    ),
    "another type": (request(exponential("q3")), request(gauge("q3"))),
    "another histogram": (
        request(histogram("q4")),
        request(histogram("q4", count="4", bucketCounts=["2", "2"])),
    ),
}
