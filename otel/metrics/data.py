"""Converts declared series to the SDK's metric data, which every exporter accepts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataT,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel.metrics.attributes import OTHER
from otel.metrics.catalogue import Catalogue, Declared
from otel.metrics.declaration import Kind
from otel.metrics.losses import Losses
from otel.metrics.sendable import sendable, sendable_number
from otel.metrics.series import Exemplar, HistogramSnapshot, NumberSnapshot, Snapshot

_CUMULATIVE = AggregationTemporality.CUMULATIVE
_MOST_UNDECLARED = 500


class DeclaredMetrics:
    """The declared instruments of all catalogues, as a source of metric data.

    `exemplars=False` leaves the exemplars out.

    Raises:
        ValueError: Two catalogues declare a metric of the same name.
    """

    def __init__(self, catalogues: Iterable[Catalogue], *, exemplars: bool = True) -> None:
        self.catalogues = tuple(catalogues)
        self._exemplars = exemplars
        self._external = {each.name: each for catalogue in self.catalogues for each in catalogue.external}
        self._lent: dict[str, Declared] = {}
        self._undeclared: dict[str, Losses] = {}
        homes: dict[str, str] = {}
        for catalogue in self.catalogues:
            for metric in catalogue:
                other = homes.setdefault(metric.name, catalogue.scope)
                if other != catalogue.scope:
                    raise ValueError(f"metric {metric.name} is declared by {other!r} and {catalogue.scope!r}")

    @property
    def instruments(self) -> list[Declared]:
        """Every instrument we record ourselves, and every one a library has requested."""
        return [instrument for catalogue in self.catalogues for instrument in self._of(catalogue)]

    def lend(self, name: str, kind: Kind, unit: str) -> Declared | None:
        """Returns the instrument for a library that records this metric, the same one on every call.

        None if no catalogue declares it as a library's metric, or the kind or unit differs.
        """
        if type(name) is not str:
            return None
        name = name.lower()  # instrument names are case-insensitive (metrics API specification)
        external = self._external.get(name)
        if external is None or kind != external.declaration.kind:
            return None
        if unit not in ("", external.declaration.unit):
            return None
        return self._lent.get(name) or self._lent.setdefault(name, external.instrument())

    def losses_of(self, name: str) -> Losses:
        """Returns the losses of a metric kept by the SDK; metrics beyond the first 500 share one object."""
        known = self._undeclared
        key = name if name in known or len(known) < _MOST_UNDECLARED else OTHER
        return known.get(key) or known.setdefault(key, Losses())

    def losses(self) -> dict[str, Losses]:
        """Returns the losses of every metric, by name."""
        return self._undeclared | {each.name: each.losses for each in self.instruments}

    def series(self) -> int:
        """Counts the series held in memory."""
        return sum(instrument.series() for instrument in self.instruments)

    def forget(self) -> None:
        """Resets every instrument, as a forked child must."""
        for instrument in self.instruments:
            instrument.forget()
        for losses in self._undeclared.values():
            losses.forget()

    def added_to(self, data: MetricsData, *, take_exemplars: bool) -> MetricsData:
        """Returns our data, and the SDK's behind it as far as it can be sent.

        `take_exemplars` starts a new period for exemplars.
        """
        now = time.time_ns()
        ours = [self._scope(catalogue, now, take_exemplars) for catalogue in self.catalogues]
        filled = [scope for scope in ours if scope.metrics]
        first, *rest = sendable(data).resource_metrics
        return MetricsData([replace(first, scope_metrics=_merged([*filled, *first.scope_metrics])), *rest])

    def _of(self, catalogue: Catalogue) -> list[Declared]:
        lent = [self._lent[each.name] for each in catalogue.external if each.name in self._lent]
        return [*catalogue.instruments, *lent]

    def _scope(self, catalogue: Catalogue, now: int, take_exemplars: bool) -> ScopeMetrics:  # noqa: FBT001 - private
        found = ((each, each.snapshots(take_exemplars=take_exemplars)) for each in self._of(catalogue))
        metrics = [self._metric(instrument, series, now) for instrument, series in found if series]
        return ScopeMetrics(InstrumentationScope(catalogue.scope), metrics, "")

    def _metric(self, instrument: Declared, series: list[Snapshot], now: int) -> Metric:
        declared = instrument.declaration
        return Metric(declared.name, declared.description, declared.unit, self._data(instrument, series, now))

    def _data(self, instrument: Declared, series: list[Snapshot], now: int) -> DataT:
        kind, bounds = instrument.declaration.kind, instrument.declaration.buckets
        numbers = [_number(each, now) for each in series if isinstance(each, NumberSnapshot)]
        if kind == "histogram":
            points = [
                self._histogram(each, bounds, now) for each in series if isinstance(each, HistogramSnapshot)
            ]
            return Histogram(points, _CUMULATIVE)
        if kind == "gauge":
            return Gauge(numbers)
        return Sum(numbers, _CUMULATIVE, is_monotonic=kind == "counter")

    def _histogram(
        self, series: HistogramSnapshot, bounds: tuple[float, ...], now: int
    ) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes=dict(series.attributes),
            start_time_unix_nano=series.start_unix_nano,
            time_unix_nano=max(now, series.start_unix_nano),  # the clock may have been set back
            count=sum(series.counts),
            sum=series.total,
            bucket_counts=series.counts,
            explicit_bounds=bounds,
            min=series.smallest,
            max=series.largest,
            exemplars=[_exemplar(each) for each in series.exemplars] if self._exemplars else [],
        )


def _merged(scopes: list[ScopeMetrics]) -> list[ScopeMetrics]:
    # In the OTLP exporter the second of two equal scopes replaces the first.
    merged: dict[InstrumentationScope, ScopeMetrics] = {}
    for each in scopes:
        before = merged.get(each.scope)
        merged[each.scope] = replace(before, metrics=[*before.metrics, *each.metrics]) if before else each
    return list(merged.values())


def _number(series: NumberSnapshot, now: int) -> NumberDataPoint:
    start = series.start_unix_nano
    return NumberDataPoint(dict(series.attributes), start, max(now, start), sendable_number(series.value))


def _exemplar(found: Exemplar) -> SdkExemplar:
    return SdkExemplar({}, found.value, found.time_unix_nano, found.span_id, found.trace_id)
