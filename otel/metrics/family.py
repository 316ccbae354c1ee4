"""Metrics as plain values, under the names and labels that they have in Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric
from prometheus_client.samples import Sample

_ENDINGS: Final = {"counter": "_total", "info": "_info"}


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram series: `bounds` are upper bounds with the number of measurements at or below each."""

    bounds: tuple[tuple[float, float], ...]
    total: float

    @property
    def count(self) -> float:
        """The number of measurements."""
        return self.bounds[-1][1]


@dataclass(frozen=True, slots=True)
class Series:
    """One series; labels without a value are left out, as Prometheus does."""

    labels: Mapping[str, str]
    value: float | Buckets


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """A metric by its name in Prometheus; `kind` is counter, gauge, histogram or info."""

    name: str
    kind: str
    unit: str
    description: str
    series: tuple[Series, ...]


def family_of(found: Metric) -> MetricFamily:
    """Returns an exporter's family as plain values, without histograms that have negative bounds."""
    numbers = _histograms(found) if found.type == "histogram" else map(_number, found.samples)
    name = found.name + _ENDINGS.get(found.type, "")
    return MetricFamily(name, found.type, found.unit, found.documentation, tuple(numbers))


def _number(sample: Sample) -> Series:
    return Series(_labels(sample), sample.value)


def _histograms(found: Metric) -> list[Series]:
    series: list[Series] = []
    bounds: list[tuple[float, float]] = []
    for sample in found.samples:  # the buckets of a series come first, its sum last
        if sample.name == f"{found.name}_bucket":
            if bounds and math.isinf(bounds[-1][0]):  # the exporter adds no sum if a bound is negative
                bounds = []
            bounds.append((float(sample.labels["le"]), sample.value))
        elif sample.name == f"{found.name}_sum":
            series.append(Series(_labels(sample), Buckets(tuple(bounds), sample.value)))
            bounds = []
    return series


def _labels(sample: Sample) -> dict[str, str]:
    return {name: value for name, value in sample.labels.items() if value}
