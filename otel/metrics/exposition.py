"""The page of Prometheus text: each name has one type and one help text, each series one line.

Source: Prometheus exposition formats, "Only one TYPE line may exist for a given metric name" and "Each line
must have a unique combination of a metric name and labels".
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Final

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ScopeMetrics
from prometheus_client import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_LINES: Final = {"counter": ("_total",), "info": ("_info",), "histogram": ("", "_bucket", "_count", "_sum")}
_NUMBER_END: Final = "\0"
_MOST_WARNINGS: Final = 100
_log = logging.getLogger(__name__)


def numbered(data: MetricsData) -> MetricsData:
    """Returns the data with a number before each description, which `Exposition` takes away.

    The exporter (0.66b2) would fill metrics that share a name and a description into one family, under the
    label names of the first alone.
    """
    number = count()

    def with_number(metric: Metric) -> Metric:
        return replace(metric, description=f"{next(number)}{_NUMBER_END}{metric.description or ''}")

    def with_numbers(scope: ScopeMetrics) -> ScopeMetrics:
        return replace(scope, metrics=[with_number(metric) for metric in scope.metrics])

    return MetricsData(
        [
            replace(resource, scope_metrics=[with_numbers(scope) for scope in resource.scope_metrics])
            for resource in data.resource_metrics
        ]
    )


class Exposition(Collector):
    """The families of `source`, as far as they fit on one page.

    The first metric keeps its name. A later one of the same name and type adds its series to it. One of
    another type, or a series that is there already, is left out; `count_left_out` gets the number of series.
    """

    def __init__(self, source: Collector, count_left_out: Callable[[int], None]) -> None:
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
            self._report(found.name, owner.take(found))
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

    def take(self, found: Family) -> int:
        """Adds the series that fit; returns how many did not."""
        fits = (self.family.name, self.family.type) == (found.name, found.type)
        left_out = 0
        for sample in found.samples:
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
