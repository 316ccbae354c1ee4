"""Numbered telemetry: every span, data point and log record carries its number through every hop."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

SIGNALS: Final = ("traces", "metrics", "logs")
NUMBER: Final = "ledger.number"
METRIC: Final = "ledger.points"
# Items per request, and so spans per trace and series of the metric.
BATCH: Final = 20
_SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000


class Clock:
    """Unique nanoseconds since the epoch, because the stores also distinguish items by time.

    Args:
        skew: seconds by which the sender's clock is ahead of the true time; negative: behind.
        step: the minimum difference of two values, in nanoseconds.
    """

    def __init__(self, skew: float = 0.0, step: int = 1000) -> None:
        self._skew = int(skew * _SECOND)
        self._step = step
        self._last = 0

    def now(self) -> int:
        """Returns the next value."""
        self._last = max(time.time_ns() + self._skew, self._last + self._step)
        return self._last


@dataclass(frozen=True, slots=True)
class Series:
    """Makes one run's requests; the run's name is the ``service.name`` used to query the stores."""

    run: str
    signal: str
    clock: Clock

    def request(self, numbers: Sequence[int]) -> bytes:
        """Returns an OTLP request (protobuf) that carries the numbers, at most BATCH of them."""
        return _BUILDERS[self.signal](self.run, numbers, self.clock)


def clock_for(signal: str, skew: float = 0.0) -> Clock:
    """Returns a clock whose resolution the signal's store can still distinguish.

    Prometheus keeps milliseconds; one request holds one point per series, so a step is a millisecond.
    """
    return Clock(skew, _MILLISECOND if signal == "metrics" else 1000)


def trace_id(run: str, number: int) -> bytes:
    """Returns the id of the trace that holds the span of this number."""
    return hashlib.sha256(f"{run} {number // BATCH}".encode()).digest()[:16]


def _resource(run: str) -> Resource:
    attributes = [("service.name", run), ("service.instance.id", "ledger")]
    return Resource(
        attributes=[KeyValue(key=key, value=AnyValue(string_value=text)) for key, text in attributes]
    )


def _number(number: int) -> KeyValue:
    return KeyValue(key=NUMBER, value=AnyValue(int_value=number))


def _traces(run: str, numbers: Sequence[int], clock: Clock) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(resource=_resource(run))
    scope = group.scope_spans.add()
    for number in numbers:
        start = clock.now()
        scope.spans.add(
            trace_id=trace_id(run, number),
            span_id=hashlib.sha256(f"{run} span {number}".encode()).digest()[:8],
            name="ledger",
            start_time_unix_nano=start,
            end_time_unix_nano=start + _MILLISECOND,
            attributes=[_number(number)],
        )
    return request.SerializeToString()


def _metrics(run: str, numbers: Sequence[int], clock: Clock) -> bytes:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(resource=_resource(run))
    now = clock.now()
    points = [
        NumberDataPoint(
            time_unix_nano=now,
            as_int=number,
            attributes=[KeyValue(key="series", value=AnyValue(string_value=f"s{number % BATCH}"))],
        )
        for number in numbers
    ]
    group.scope_metrics.add(metrics=[Metric(name=METRIC, gauge=Gauge(data_points=points))])
    return request.SerializeToString()


def _logs(run: str, numbers: Sequence[int], clock: Clock) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add(resource=_resource(run)).scope_logs.add()
    for number in numbers:
        now = clock.now()
        scope.log_records.add(
            time_unix_nano=now,
            observed_time_unix_nano=now,
            # WARN: the optional sink accepts nothing below.
            severity_number=13,
            severity_text="WARN",
            body=AnyValue(string_value=f"ledger record {number}"),
            attributes=[_number(number)],
        )
    return request.SerializeToString()


_BUILDERS: Final[dict[str, Callable[[str, Sequence[int], Clock], bytes]]] = {
    "traces": _traces,
    "metrics": _metrics,
    "logs": _logs,
}


def rejected(signal: str, answer: bytes) -> int:
    """Returns the number of items that a 2xx response reports as rejected (OTLP partial success)."""
    if signal == "traces":
        return ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
    if signal == "metrics":
        return ExportMetricsServiceResponse.FromString(answer).partial_success.rejected_data_points
    return ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records


def numbers(signal: str, body: bytes, encoding: str) -> list[tuple[str, int]]:
    """Returns run and number of each item in an OTLP request, duplicates included.

    Items that are not ours, such as metrics made of spans, are left out.
    """
    plain = gzip.decompress(body) if encoding == "gzip" else body
    return list(_READERS[signal](plain))


def _run_of(resource: Resource) -> str:
    return next((each.value.string_value for each in resource.attributes if each.key == "service.name"), "")


def _numbered(attributes: Iterable[KeyValue]) -> Iterator[int]:
    return (each.value.int_value for each in attributes if each.key == NUMBER)


def _read_traces(body: bytes) -> Iterator[tuple[str, int]]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        run = _run_of(group.resource)
        spans = (span for scope in group.scope_spans for span in scope.spans)
        yield from ((run, number) for span in spans for number in _numbered(span.attributes))


def _read_metrics(body: bytes) -> Iterator[tuple[str, int]]:
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        run = _run_of(group.resource)
        metrics = (metric for scope in group.scope_metrics for metric in scope.metrics)
        ours = (metric for metric in metrics if metric.name == METRIC)
        yield from ((run, point.as_int) for metric in ours for point in metric.gauge.data_points)


def _read_logs(body: bytes) -> Iterator[tuple[str, int]]:
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        run = _run_of(group.resource)
        records = (record for scope in group.scope_logs for record in scope.log_records)
        yield from ((run, number) for record in records for number in _numbered(record.attributes))


_READERS: Final[dict[str, Callable[[bytes], Iterator[tuple[str, int]]]]] = {
    "traces": _read_traces,
    "metrics": _read_metrics,
    "logs": _read_logs,
}
