"""Metric readers: export our declared series and the libraries' own over OTLP and as Prometheus text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import MeterProvider as ApiMeterProvider
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider, TraceBasedExemplarFilter
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from otel.config.settings import TelemetryConfig
from otel.metrics.catalogue import Catalogue, External
from otel.metrics.data import DeclaredMetrics
from otel.metrics.declared_meters import DeclaredMeterProvider
from otel.metrics.exposition import Exposition, Prepared
from otel.metrics.family import MetricFamily, family_of
from otel.metrics.self import SERIES, count_unencodable

_T = TypeVar("_T")


class _DeclaredReader(MetricReader):
    """Reads the declared series along with the SDK's own; must precede the SDK's reader in the bases."""

    _declared: DeclaredMetrics
    _takes_exemplars = True

    def _set_meter_provider(self, meter_provider: ApiMeterProvider) -> None:
        # The readers measure themselves with one instrument of ours. The SDK would create one per reader,
        # and export two metrics of the same name.
        super()._set_meter_provider(DeclaredMeterProvider(meter_provider, self._declared.lend))

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> None:
        data = self._declared.added_to(metrics_data, take_exemplars=self._takes_exemplars)
        super()._receive_metrics(data, timeout_millis, **kwargs)  # type: ignore[safe-super]  # the reader behind it


class ExportReader(_DeclaredReader, PeriodicExportingMetricReader):
    """Exports the SDK's metrics and ours together, once per interval (seconds)."""

    def __init__(self, declared: DeclaredMetrics, exporter: MetricExporter, interval: float) -> None:
        self._declared = declared
        super().__init__(exporter, export_interval_millis=interval * 1000)

    def restart_after_fork(self) -> None:
        """Replaces a lock that the parent may have held; the SDK itself has started the child's thread."""
        self._export_lock = threading.Lock()


class _PreparingReader(PrometheusMetricReader):
    _exposition: Exposition

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> None:
        self._exposition.prepared = Prepared(metrics_data)
        super()._receive_metrics(self._exposition.prepared.data, timeout_millis, **kwargs)


class TextReader(_DeclaredReader, _PreparingReader):
    """Renders the SDK's metrics and ours for Prometheus, on request. Thread-safe."""

    _takes_exemplars = False

    def __init__(self, declared: DeclaredMetrics) -> None:
        self._declared = declared
        self._one_page = threading.Lock()
        registry = CollectorRegistry(auto_describe=False)
        self._exposition = Exposition(registry, lambda left_out: count_unencodable("name_taken", left_out))
        super().__init__(scope_info_enabled=False, registry=registry)

    def text(self) -> bytes:
        """Collects now and renders the text exposition format, which has no exemplars."""
        return self._page(generate_latest)

    def openmetrics(self) -> bytes:
        """Collects now and renders OpenMetrics 1.0, with exemplars."""
        rendered: bytes = self._page(openmetrics.generate_latest)
        return rendered

    def families(self) -> list[MetricFamily]:
        """Collects now and returns what the text would show."""
        return self._page(lambda page: [family_of(found) for found in page.collect()])

    def _page(self, render: Callable[[Exposition], _T]) -> _T:
        with self._one_page:  # the exporter would put what two collect at once on one page
            return render(self._exposition)

    def restart_after_fork(self) -> None:
        """Frees the lock that the parent may have held, and drops its `target_info`."""
        self._one_page = threading.Lock()
        self._collector._target_info = None  # noqa: SLF001 - the exporter (0.66b2) never rebuilds it

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the reader's signature
        """Does nothing: metrics collected by a flush would appear a second time in the next text."""
        return True


class MemoryReader(_DeclaredReader, InMemoryMetricReader):
    """Keeps the SDK's metrics and ours for a test to read."""

    def __init__(self, declared: DeclaredMetrics) -> None:
        self._declared = declared
        super().__init__()


def views(catalogues: Iterable[Catalogue]) -> list[View]:
    """Creates a View for every metric that a library records: its attributes, limit and buckets.

    It applies to what the SDK keeps itself: a library's metric whose kind or unit differs from the declared.
    """
    return [_view(metric) for catalogue in catalogues for metric in catalogue.external]


def meter_provider(
    config: TelemetryConfig, resource: Resource, declared: DeclaredMetrics, readers: Sequence[MetricReader]
) -> MeterProvider:
    """Creates the provider for metrics that libraries record; it does not shut down at exit."""
    exemplars = (
        TraceBasedExemplarFilter() if config.exemplar_filter == "trace_based" else AlwaysOffExemplarFilter()
    )
    provider = MeterProvider(
        readers,
        resource=resource,
        exemplar_filter=exemplars,
        shutdown_on_exit=False,
        views=views(declared.catalogues),
    )
    # the SDK would skip a collection without any metric of its own, and ours with it: this one always exists
    provider.get_meter("otel").create_observable_gauge(
        SERIES.name,
        callbacks=[lambda _: [Observation(declared.series())]],
        unit=SERIES.declaration.unit,
        description=SERIES.declaration.description,
    )
    return provider


def _view(metric: External) -> View:
    declared = metric.declaration
    histogram = declared.kind == "histogram"
    return View(
        instrument_name=declared.name,
        description=declared.description,
        attribute_keys=set(declared.attributes),
        aggregation=ExplicitBucketHistogramAggregation(declared.buckets) if histogram else None,
        aggregation_cardinality_limit=declared.limit,
    )
