from __future__ import annotations

import gzip
import json
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.overhead.sink import Sink


def spans(service: str) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    made = resource.scope_spans.add().spans
    made.add(kind=Span.SPAN_KIND_SERVER)
    made.add(kind=Span.SPAN_KIND_INTERNAL)
    return request.SerializeToString()


def logs(service: str) -> bytes:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    resource.scope_logs.add().log_records.add()
    return request.SerializeToString()


def seen(sink: Sink) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sink.answer("/seen", b""))
    return found


def test_a_watched_sink_counts_by_service() -> None:
    sink = Sink()
    sink.answer("/watch", b"")
    sink.answer("/v1/traces", spans("a"))
    sink.answer("/v1/traces", gzip.compress(spans("b")), b"gzip")
    sink.answer("/v1/logs", logs("a"))

    counts = seen(sink)

    assert (counts["a"]["spans"], counts["a"]["server"], counts["a"]["logs"]) == (2, 1, 1)
    assert counts["b"]["spans"] == 2
    assert counts["a"]["bytes"] > counts["b"]["bytes"] > 0


def test_an_unwatched_sink_accepts_everything_and_counts_nothing() -> None:
    sink = Sink()
    sink.answer("/watch", b"")
    sink.answer("/rest", b"")

    assert sink.answer("/v1/traces", spans("a")) == b""
    assert seen(sink) == {}
