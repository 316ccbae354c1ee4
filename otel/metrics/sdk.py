"""The SDK's metrics about itself.

The SDK records two or three of them for every span and one for every log record. Through its own
instruments that costs about 40 µs of CPU per span; `otel.metrics.declared_meters` gives it ours instead.
Source: semantic conventions, "OpenTelemetry SDK metrics".
"""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv._incubating.attributes import otel_attributes as names
from opentelemetry.semconv._incubating.metrics import otel_metrics as semconv
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT

from otel.metrics.attributes import Allowed, AnyText, IntegerRange
from otel.metrics.catalogue import Catalogue, Counter, Declared, External, Histogram, UpDownCounter
from otel.metrics.declaration import Kind

_COMPONENT: Final[dict[str, Allowed]] = {
    names.OTEL_COMPONENT_TYPE: AnyText(20),
    names.OTEL_COMPONENT_NAME: AnyText(50),
}
_EXPORTER: Final[dict[str, Allowed]] = {
    **_COMPONENT,
    SERVER_ADDRESS: AnyText(10),
    SERVER_PORT: IntegerRange(1, 65535),
}
_FAILING: Final[dict[str, Allowed]] = {**_EXPORTER, ERROR_TYPE: AnyText(50)}
_PROCESSED: Final[dict[str, Allowed]] = {
    **_COMPONENT,
    ERROR_TYPE: ("queue_full", "unencodable", "already_shutdown", "shutdown"),
}
_PARENTS: Final = ("none", "local", "remote")
_SAMPLED: Final = ("RECORD_AND_SAMPLE", "RECORD_ONLY")

SPAN_PARENT_ORIGIN: Final = names.OTEL_SPAN_PARENT_ORIGIN
SPAN_SAMPLING_RESULT: Final = names.OTEL_SPAN_SAMPLING_RESULT
STARTED_SPANS: Final = Counter(
    semconv.OTEL_SDK_SPAN_STARTED,
    unit="{span}",
    description="Spans started.",
    attributes={SPAN_PARENT_ORIGIN: _PARENTS, SPAN_SAMPLING_RESULT: (*_SAMPLED, "DROP")},
)
LIVE_SPANS: Final = UpDownCounter(
    semconv.OTEL_SDK_SPAN_LIVE,
    unit="{span}",
    description="Recording spans that have not ended yet.",
    attributes={SPAN_SAMPLING_RESULT: _SAMPLED},
)
CREATED_LOGS: Final = Counter(
    semconv.OTEL_SDK_LOG_CREATED, unit="{log_record}", description="Log records created."
)
QUEUE_SIZE: Final = {
    "traces": UpDownCounter(
        semconv.OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE,
        unit="{span}",
        description="Spans waiting for export.",
        attributes=_COMPONENT,
    ),
    "logs": UpDownCounter(
        semconv.OTEL_SDK_PROCESSOR_LOG_QUEUE_SIZE,
        unit="{log_record}",
        description="Log records waiting for export.",
        attributes=_COMPONENT,
    ),
}
QUEUE_CAPACITY: Final = {
    "traces": UpDownCounter(
        semconv.OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY,
        unit="{span}",
        description="Maximum spans in the queue; when it is full, the oldest is dropped.",
        attributes=_COMPONENT,
    ),
    "logs": UpDownCounter(
        semconv.OTEL_SDK_PROCESSOR_LOG_QUEUE_CAPACITY,
        unit="{log_record}",
        description="Maximum log records in the queue; when it is full, the oldest is dropped.",
        attributes=_COMPONENT,
    ),
}
PROCESSED: Final = {
    "traces": Counter(
        semconv.OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
        unit="{span}",
        description="Spans that left the queue: to the exporter, or lost with an error.type.",
        attributes=_PROCESSED,
    ),
    "logs": Counter(
        semconv.OTEL_SDK_PROCESSOR_LOG_PROCESSED,
        unit="{log_record}",
        description="Log records that left the queue: to the exporter, or lost with an error.type.",
        attributes=_PROCESSED,
    ),
}


def _exported(name: str, item: str, what: str) -> Counter:
    sentence = f"{what} whose export was attempted; those with an error.type were lost."
    return Counter(name, unit=item, description=sentence, attributes=_FAILING)


def _inflight(name: str, item: str, what: str) -> UpDownCounter:
    return UpDownCounter(name, unit=item, description=f"{what} being exported.", attributes=_EXPORTER)


SDK_METRICS: Final = Catalogue(
    "opentelemetry-sdk",
    STARTED_SPANS,
    LIVE_SPANS,
    CREATED_LOGS,
    *QUEUE_SIZE.values(),
    *QUEUE_CAPACITY.values(),
    *PROCESSED.values(),
    _exported(semconv.OTEL_SDK_EXPORTER_SPAN_EXPORTED, "{span}", "Spans"),
    _exported(semconv.OTEL_SDK_EXPORTER_LOG_EXPORTED, "{log_record}", "Log records"),
    _exported(semconv.OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED, "{data_point}", "Data points"),
    _inflight(semconv.OTEL_SDK_EXPORTER_SPAN_INFLIGHT, "{span}", "Spans"),
    _inflight(semconv.OTEL_SDK_EXPORTER_LOG_INFLIGHT, "{log_record}", "Log records"),
    _inflight(semconv.OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT, "{data_point}", "Data points"),
    Histogram(
        semconv.OTEL_SDK_EXPORTER_OPERATION_DURATION,
        unit="s",
        description="Duration of one export, retries included.",
        attributes={**_FAILING, HTTP_RESPONSE_STATUS_CODE: IntegerRange(100, 599)},
    ),
    External(
        semconv.OTEL_SDK_METRIC_READER_COLLECTION_DURATION,
        kind="histogram",
        unit="s",
        description="Duration of one collection of all metrics.",
        recorded_by="opentelemetry-sdk",
        attributes=_COMPONENT,
    ),
)

_INSTRUMENTS: Final = {each.name: each for each in SDK_METRICS.instruments}


def find_sdk_instrument(name: str, kind: Kind, unit: str) -> Declared | None:  # noqa: ARG001 - same call as for a library's
    """Returns our instrument for an SDK component that measures itself; None for any other name."""
    return _INSTRUMENTS.get(name)
