"""Builds requests as a busy service sends them: full batches with typical attributes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Histogram,
    HistogramDataPoint,
    Metric,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

# The SDKs' default batch.
ITEMS: Final = 512
_MILLISECOND: Final = 1_000_000
_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_RESOURCE: Final[dict[str, str | int]] = {
    "service.name": "lms",
    "service.namespace": "stegmaier",
    "service.version": "1.4.2",
    "service.instance.id": "7f0c5e0e-5a44-4c55-8a39-4f9a31a8d3c1",
    "deployment.environment.name": "production",
    "host.name": "app-3",
    "process.pid": 4711,
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.2",
}


def request(signal: str) -> bytes:
    """Returns an OTLP request (protobuf) of ITEMS spans, histogram points or log records, timestamped now."""
    return _BUILDERS[signal]()


def _attributes(values: dict[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(
            key=key,
            value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value),
        )
        for key, value in values.items()
    ]


def _exchange(number: int) -> dict[str, str | int]:
    return {
        "http.request.method": ("GET", "POST", "PUT")[number % 3],
        "http.route": f"/api/v1/courses/{{course_id}}/lessons/{number % 24}",
        "http.response.status_code": (200, 200, 201, 404)[number % 4],
        "url.scheme": "https",
        "url.path": f"/api/v1/courses/algebra-{number % 40}/lessons/{number % 24}",
        "server.address": "lms.example.org",
        "network.protocol.version": "1.1",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
        "user.id": f"usr_{number % 97:08d}",
        "request_id": f"01JD{number:022d}",
    }


def _traces() -> bytes:
    message, now = ExportTraceServiceRequest(), time.time_ns()
    scope = message.resource_spans.add(resource=Resource(attributes=_attributes(_RESOURCE))).scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.fastapi"
    for number in range(ITEMS):
        scope.spans.add(
            trace_id=secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            parent_span_id=secrets.token_bytes(8),
            name=f"GET /api/v1/courses/{{course_id}}/lessons/{number % 24}",
            kind=2,
            start_time_unix_nano=now,
            end_time_unix_nano=now + (number % 200 + 1) * _MILLISECOND,
            attributes=_attributes(_exchange(number)),
        )
    return message.SerializeToString()


def _metrics() -> bytes:
    message, now = ExportMetricsServiceRequest(), time.time_ns()
    scope = message.resource_metrics.add(
        resource=Resource(attributes=_attributes(_RESOURCE))
    ).scope_metrics.add()
    labels = ("http.request.method", "http.route", "http.response.status_code", "url.scheme")
    points = [
        HistogramDataPoint(
            start_time_unix_nano=now - 60_000 * _MILLISECOND,
            time_unix_nano=now,
            count=number,
            sum=number / 10,
            bucket_counts=[number // 15] * 15,
            explicit_bounds=_BOUNDS,
            attributes=_attributes({key: _exchange(number)[key] for key in labels}),
        )
        for number in range(ITEMS)
    ]
    histogram = Histogram(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, data_points=points)
    scope.metrics.append(Metric(name="http.server.request.duration", unit="s", histogram=histogram))
    return message.SerializeToString()


def _logs() -> bytes:
    message, now = ExportLogsServiceRequest(), time.time_ns()
    scope = message.resource_logs.add(resource=Resource(attributes=_attributes(_RESOURCE))).scope_logs.add()
    for number in range(ITEMS):
        scope.log_records.add(
            time_unix_nano=now + number,
            observed_time_unix_nano=now + number,
            severity_number=9,
            severity_text="INFO",
            trace_id=secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            body=AnyValue(string_value=f"request finished in {number % 200} ms with {number % 4096} bytes"),
            attributes=_attributes({"logger": "access", "duration_ms": number % 200, **_exchange(number)}),
        )
    return message.SerializeToString()


_BUILDERS: Final[dict[str, Callable[[], bytes]]] = {"traces": _traces, "metrics": _metrics, "logs": _logs}
