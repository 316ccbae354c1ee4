"""Builds the numbered item of each signal and sends it to the Collector."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError
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
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from stack.canary import settings
from stack.canary.web import UnansweredError, request

SERVICE: Final = "telemetry-canary"
INSTANCE: Final = "service.instance.id"
# The attribute of the span and the log record, and the metric's name; the metric's value is the number.
NUMBER: Final = "telemetry.canary.number"
_NAME: Final = "telemetry canary"
_INFO: Final = 9  # SeverityNumber of the log data model


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered item.

    Args:
        run: ``service.instance.id`` of the process that sends it.
        number: counts from 1, per signal.
        sent: nanoseconds since the epoch; the item's own time.
    """

    run: str
    number: int
    sent: int

    @property
    def trace_id(self) -> bytes:
        """The trace id, 16 bytes: derived from run and number, and as random as samplers expect."""
        return hashlib.sha256(f"{self.run} {self.number}".encode()).digest()[:16]


def _attribute(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=text))


def _resource(item: Item) -> Resource:
    return Resource(attributes=[_attribute("service.name", SERVICE), _attribute(INSTANCE, item.run)])


def _number(item: Item) -> KeyValue:
    return KeyValue(key=NUMBER, value=AnyValue(int_value=item.number))


def _span(item: Item) -> bytes:
    message = ExportTraceServiceRequest()
    message.resource_spans.add(resource=_resource(item)).scope_spans.add().spans.add(
        trace_id=item.trace_id,
        span_id=os.urandom(8),
        name=_NAME,
        start_time_unix_nano=item.sent,
        end_time_unix_nano=item.sent,
        attributes=[_number(item)],
    )
    return message.SerializeToString()


def _point(item: Item) -> bytes:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add(resource=_resource(item)).scope_metrics.add()
    # The unit is an annotation, which Prometheus does not turn into a suffix.
    metric = scope.metrics.add(name=NUMBER, unit="{number}", description="Number of the canary's last point.")
    metric.gauge.data_points.add(time_unix_nano=item.sent, as_int=item.number)
    return message.SerializeToString()


def _record(item: Item) -> bytes:
    message = ExportLogsServiceRequest()
    message.resource_logs.add(resource=_resource(item)).scope_logs.add().log_records.add(
        time_unix_nano=item.sent,
        observed_time_unix_nano=item.sent,
        severity_number=_INFO,
        severity_text="INFO",
        body=AnyValue(string_value=_NAME),
        attributes=[_number(item)],
    )
    return message.SerializeToString()


_REQUESTS: Final[dict[str, Callable[[Item], bytes]]] = {"traces": _span, "metrics": _point, "logs": _record}
SIGNALS: Final = tuple(_REQUESTS)


def send(endpoint: str, token_file: Path, signal: str, item: Item) -> None:
    """Sends the Collector one item, as OTLP/HTTP with protobuf; returns when it is acknowledged.

    Raises:
        UnansweredError: it was not acknowledged, or acknowledged but rejected (partial success).
    """
    try:
        token = settings.token(token_file)
    except (OSError, ValueError) as error:
        raise UnansweredError(f"{token_file} holds no token ({error})") from None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
    answer = request("POST", f"{endpoint}/v1/{signal}", _REQUESTS[signal](item), headers)
    if not answer.well:
        raise UnansweredError(f"{endpoint} answered {answer.status}: {answer.text()}")
    if _rejected(signal, answer.body):
        raise UnansweredError(f"{endpoint} rejected the item, although it answered {answer.status}")


def _rejected(signal: str, body: bytes) -> int:
    """Returns how many items the answer rejects (OTLP/HTTP, Partial Success); 1 if it cannot be decoded."""
    try:
        if signal == "traces":
            return ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans
        if signal == "metrics":
            return ExportMetricsServiceResponse.FromString(body).partial_success.rejected_data_points
        return ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records
    except DecodeError:
        return 1
