"""A collector for tests: accepts OTLP over HTTP, or behaves like a dead one."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

POLL_SECONDS = 0.02


class Receiver:
    """Keeps the decoded requests; answers with `status`, but only while `answers` is set."""

    def __init__(self) -> None:
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.refused = 0
        self.status = 200
        self.waiting = 0
        self.answers = threading.Event()
        self.answers.set()
        self.url = ""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        self.headers.append(headers)
        if self.status >= 400:
            self.refused += 1
            return self.status
        if path == "/v1/traces":
            self.traces.append(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
        elif path == "/v1/logs":
            self.logs.append(ExportLogsServiceRequest.FromString(body))
        else:
            return 404
        return self.status

    def hold(self) -> None:
        """Blocks while `answers` is not set; `waiting` counts the requests that were blocked."""
        if not self.answers.is_set():
            self.waiting += 1
            self.answers.wait(600)

    def spans(self) -> list[Any]:
        return [
            span
            for request in list(self.traces)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def records(self) -> list[Any]:
        return [
            record
            for request in list(self.logs)
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def latest(self, name: str) -> dict[str, Metric]:
        """Returns the last state of a metric by `service.instance.id`."""
        return {
            text_attributes(resource.resource.attributes)["service.instance.id"]: metric
            for request in list(self.metrics)
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        }


def text_attributes(attributes: Any) -> dict[str, str]:  # noqa: ANN401 - a repeated protobuf field has no public type
    def text(pair: KeyValue) -> str:
        kind = pair.value.WhichOneof("value")
        return str(getattr(pair.value, kind)) if kind else ""

    return {pair.key: text(pair) for pair in attributes}


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Runs a collector that works until a test changes its `status`."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            state.hold()
            headers = {key.lower(): value for key, value in self.headers.items()}
            status = state.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class uses this name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_SECONDS})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        state.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def refusing_port() -> Iterator[str]:
    """Yields the URL of a port that refuses connections, reserved until the block ends."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@contextmanager
def black_hole() -> Iterator[str]:
    """Yields the URL of a port that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def unavailable() -> Iterator[str]:
    """Yields the URL of a collector that answers every request with 503."""
    with receiver() as state:
        state.status = 503
        yield state.url
