"""The page that Prometheus scrapes: each name has one type and one help text, each series one line.

Source: Prometheus exposition formats, "Only one TYPE line may exist for a given metric name" and "Each line
must have a unique combination of a metric name and labels"; OpenMetrics 1.0, "Exemplars".
"""

from __future__ import annotations

import copy
import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import Gauge, HistogramDataPoint, Metric, MetricsData, Sum
from opentelemetry.trace import format_span_id, format_trace_id
from prometheus_client import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from otel.metrics.declaration import Kind
from otel.metrics.prometheus_name import translated

_LINES: Final = {"counter": ("_total",), "info": ("_info",), "histogram": ("", "_bucket", "_count", "_sum")}
_EXEMPLARS: Final = {"counter": "_total", "histogram": "_bucket"}
_NUMBER_END: Final = "\0"
_MOST_WARNINGS: Final = 100
_log = logging.getLogger(__name__)


class Prepared:
    """Metric data as the exporter (0.66b2) needs it, and the exemplars, which it drops.

    `data` has the names that Prometheus' OTLP receiver gives, which differ from the exporter's, and a number
    before each description, which `Exposition` takes away: the exporter would fill metrics that share a name
    and a description into one family, under the label names of the first alone.
    """

    def __init__(self, data: MetricsData) -> None:
        self._found: list[Metric] = []
        self.data = MetricsData(
            [
                replace(
                    resource,
                    scope_metrics=[
                        replace(scope, metrics=[self._prepared(metric) for metric in scope.metrics])
                        for scope in resource.scope_metrics
                    ],
                )
                for resource in data.resource_metrics
            ]
        )

    def with_exemplars(self, family: Family) -> Iterator[Sample]:
        """Yields the family's samples; those of buckets and counters have their exemplars."""
        number = family.documentation.partition(_NUMBER_END)[0]
        takers = _EXEMPLARS.get(family.type)
        if takers is None or not number.isdigit():
            yield from family.samples
            return
        points = iter(self._found[int(number)].data.data_points)
        exemplars: Mapping[int, Exemplar] = {}
        bucket = 0
        for sample in family.samples:
            if sample.name != family.name + takers:
                yield sample
                continue
            if bucket == 0:
                exemplars = _by_bucket(next(points))
            yield _with(sample, exemplars.get(bucket)) if exemplars else sample
            bucket = 0 if takers == "_total" or sample.labels["le"] == "+Inf" else bucket + 1

    def _prepared(self, metric: Metric) -> Metric:
        number = len(self._found)
        self._found.append(metric)
        name, unit = translated(metric.name, metric.unit or "", _kind(metric))
        description = f"{number}{_NUMBER_END}{metric.description or ''}"
        return replace(metric, name=name, unit=unit, description=description)


class Exposition(Collector):
    """The families of `source`, as far as they fit on one page.

    The first metric keeps its name. A later one of the same name and type adds its series to it. One of
    another type, or a series that is there already, is left out; `count_left_out` gets the number of series.
    `prepared` is the data that `source` has got; with it, the samples have exemplars.
    """

    def __init__(self, source: Collector, count_left_out: Callable[[int], None]) -> None:
        self.prepared: Prepared | None = None
        self._source = source
        self._count_left_out = count_left_out
        self._warned: set[str] = set()

    def collect(self) -> Iterable[Family]:
        """Returns the families, each name once."""
        owners: dict[str, _Owner] = {}
        for found in self._source.collect():
            names = [f"{found.name}{suffix}" for suffix in _LINES.get(found.type, ("",))]
            owner = next((owners[name] for name in names if name in owners), None)
            if owner is None:
                owner = _Owner(found)
                owners.update(dict.fromkeys(names, owner))
            samples = self.prepared.with_exemplars(found) if self.prepared else found.samples
            self._report(found.name, owner.take(found, samples))
        return [owner.family for owner in dict.fromkeys(owners.values())]

    def _report(self, name: str, left_out: int) -> None:
        if not left_out:
            return
        self._count_left_out(left_out)
        if name not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(name)
            _log.warning("%d series of %s are not in the Prometheus text: the name is taken", left_out, name)


class _Owner:
    """The family that came first under its names, and which of its series are complete."""

    def __init__(self, first: Family) -> None:
        self.family = copy.copy(first)
        self.family.documentation = first.documentation.rpartition(_NUMBER_END)[2]
        self.family.samples = []
        self._complete: set[frozenset[tuple[str, str]]] = set()

    def take(self, found: Family, samples: Iterable[Sample]) -> int:
        """Adds the series that fit; returns how many did not."""
        fits = (self.family.name, self.family.type) == (found.name, found.type)
        left_out = 0
        for sample in samples:
            labels, is_last = _series(found, sample)
            if not fits or labels in self._complete:
                left_out += is_last
                continue
            self.family.samples.append(sample)
            if is_last:
                self._complete.add(labels)
        return left_out


def _series(family: Family, sample: Sample) -> tuple[frozenset[tuple[str, str]], bool]:
    """Returns the labels of the sample's series, and whether it is the series' last sample."""
    if family.type != "histogram":
        return frozenset(sample.labels.items()), True
    # its buckets come first, its sum last
    labels = frozenset(each for each in sample.labels.items() if each[0] != "le")
    return labels, sample.name == f"{family.name}_sum"


def _kind(metric: Metric) -> Kind:
    if isinstance(metric.data, Gauge):
        return "gauge"
    if isinstance(metric.data, Sum):
        return "counter" if metric.data.is_monotonic else "updowncounter"
    return "histogram"


def _with(sample: Sample, exemplar: Exemplar | None) -> Sample:
    return Sample(sample.name, sample.labels, sample.value, sample.timestamp, exemplar)


def _by_bucket(point: Any) -> dict[int, Exemplar]:  # noqa: ANN401 - each kind of data has points of its own kind
    """Returns the last exemplar of each bucket; a counter has one bucket."""
    bounds = point.explicit_bounds if isinstance(point, HistogramDataPoint) else ()
    return {bisect_left(bounds, each.value) if bounds else 0: _exemplar(each) for each in point.exemplars}


def _exemplar(found: SdkExemplar) -> Exemplar:
    labels = {}
    if found.trace_id and found.span_id:
        labels = {"trace_id": format_trace_id(found.trace_id), "span_id": format_span_id(found.span_id)}
    return Exemplar(labels, found.value, found.time_unix_nano / 1e9)
