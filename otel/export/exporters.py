"""The exporters of each signal: OTLP over HTTP or the console, after redaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult

from otel.config.settings import Signal, TelemetryConfig
from otel.export.accounting import SignalAccount
from otel.export.batch import Outcome
from otel.export.redacting import RedactingLogExporter, RedactingSpanExporter
from otel.export.wire_export import WireLogExporter, WireSpanExporter
from otel.redaction.engine import Redactor

_T = TypeVar("_T")


class Sessions:
    """The HTTP connections of the exporters, one pool per signal.

    A forked child must not write to its parent's sockets: after `close` it opens its own.
    """

    def __init__(self) -> None:
        self._open: list[requests.Session] = []

    def new(self) -> requests.Session:
        """Creates a session for one exporter."""
        session = requests.Session()
        self._open.append(session)
        return session

    def close(self) -> None:
        """Closes all connections; the next request opens new ones."""
        for session in self._open:
            session.close()


def span_exporter(
    config: TelemetryConfig, redactor: Redactor, meters: MeterProvider, sessions: Sessions
) -> SpanExporter | None:
    """Creates the configured span exporter; None for `none`."""
    kind = config.traces_exporter
    if kind == "none":
        return None
    if kind == "console":
        return RedactingSpanExporter(ConsoleSpanExporter(), redactor)
    return WireSpanExporter(redactor, **_options(config, "traces", meters, sessions))


def log_exporter(
    config: TelemetryConfig, redactor: Redactor, meters: MeterProvider, sessions: Sessions
) -> LogRecordExporter | None:
    """Creates the configured log exporter; None for `none`."""
    kind = config.logs_exporter
    if kind == "none":
        return None
    if kind == "console":
        return RedactingLogExporter(ConsoleLogRecordExporter(), redactor)
    return WireLogExporter(redactor, **_options(config, "logs", meters, sessions))


def metric_exporter(
    config: TelemetryConfig, meters: MeterProvider, sessions: Sessions
) -> MetricExporter | None:
    """Creates the configured metric exporter; None for `none`."""
    kind = config.metrics_exporter
    if kind == "none":
        return None
    return (
        ConsoleMetricExporter()
        if kind == "console"
        else OTLPMetricExporter(**_options(config, "metrics", meters, sessions))
    )


def send_spans(exporter: SpanExporter, batch: Sequence[ReadableSpan]) -> Outcome:
    """Exports spans and returns the outcome."""
    if isinstance(exporter, WireSpanExporter):
        return exporter.send(batch)
    return _one_by_one(batch, lambda span: exporter.export([span]) is SpanExportResult.SUCCESS)


def send_logs(exporter: LogRecordExporter, batch: Sequence[Any]) -> Outcome:
    """Exports log records and returns the outcome."""
    if isinstance(exporter, WireLogExporter):
        return exporter.send(batch)
    return _one_by_one(batch, lambda record: exporter.export([record]) is LogRecordExportResult.SUCCESS)


def _one_by_one(batch: Sequence[_T], arrives: Callable[[_T], bool]) -> Outcome:
    # The console exporters stop at the first item they cannot write.
    unencodable = 0
    for item in batch:
        try:
            if not arrives(item):
                return Outcome(arrived=False)
        except Exception:  # noqa: BLE001 - the queue counts the item
            unencodable += 1
    return Outcome(arrived=True, unencodable=unencodable)


class AccountingMetricExporter(MetricExporter):
    """Counts the data points passed to `inner` and their outcome."""

    def __init__(self, inner: MetricExporter, account: SignalAccount) -> None:
        super().__init__(
            preferred_temporality=inner._preferred_temporality,  # noqa: SLF001 - the reader asks for it the same way
            preferred_aggregation=inner._preferred_aggregation,  # noqa: SLF001 - likewise
        )
        self._inner = inner
        self._account = account

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        """Exports and settles the account, whatever happens."""
        count = count_points(metrics_data)
        self._account.produce(count)
        result = MetricExportResult.FAILURE
        try:
            result = self._inner.export(metrics_data, timeout_millis=timeout_millis, **kwargs)
        finally:
            self._account.settle(count, exported=result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flushes the inner exporter."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Shuts down the inner exporter, which aborts its waits between retries."""
        self._inner.shutdown(timeout_millis, **kwargs)


def count_points(data: MetricsData) -> int:
    """Counts the data points in a collection."""
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def _options(
    config: TelemetryConfig, signal: Signal, meters: MeterProvider, sessions: Sessions
) -> dict[str, Any]:
    target = config.otlp[signal]
    return {
        "endpoint": target.endpoint,
        "headers": dict(target.headers),
        "timeout": min(target.timeout, config.export_timeout(signal)),
        "compression": Compression(target.compression),
        "certificate_file": target.certificate,
        "client_certificate_file": target.client_certificate,
        "client_key_file": target.client_key,
        "meter_provider": meters,
        "session": sessions.new(),
    }
