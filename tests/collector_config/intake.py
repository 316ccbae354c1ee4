"""An OTLP/HTTP intake that the Collector sends to: it keeps the requests and answers as configured."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector_config import otlp_json
from tests.programs import wait_until

MESSAGES = {
    "/v1/traces": ("traces", ExportTraceServiceRequest),
    "/v1/metrics": ("metrics", ExportMetricsServiceRequest),
    "/v1/logs": ("logs", ExportLogsServiceRequest),
}


@dataclass(frozen=True)
class Arrival:
    """One request that the intake accepted; ``sink`` is the first part of its path, ``path`` the rest."""

    sink: str
    path: str
    signal: str
    headers: dict[str, str]
    payload: dict[str, Any]


@dataclass
class Intake:
    """Keeps arrivals. ``status`` gives, per sink, the response instead of 200."""

    url: str
    status: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    _arrivals: list[Arrival] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, arrival: Arrival) -> None:
        """Stores one request."""
        with self._lock:
            self._arrivals.append(arrival)

    def refuse(self, sink: str) -> None:
        """Counts one request that was answered with an error."""
        with self._lock:
            self.refused[sink] = self.refused.get(sink, 0) + 1

    def arrivals(self, sink: str, signal: str) -> list[Arrival]:
        """Returns what a sink has received of a signal so far."""
        with self._lock:
            return [each for each in self._arrivals if (each.sink, each.signal) == (sink, signal)]

    def reached(self) -> set[tuple[str, str]]:
        """Returns the sinks and signals that have received anything so far."""
        with self._lock:
            return {(each.sink, each.signal) for each in self._arrivals}

    def payload(self, sink: str, signal: str) -> dict[str, Any]:
        """Returns everything that a sink received of a signal, as one OTLP JSON payload."""
        return otlp_json.merge(signal, [each.payload for each in self.arrivals(sink, signal)])

    def items(self, sink: str, signal: str) -> int:
        """Returns how many spans, data points or log records a sink received."""
        return otlp_json.count(signal, self.payload(sink, signal))

    def wait_for_items(self, sink: str, signal: str, count: int) -> None:
        """Waits until a sink has at least this many items.

        Raises:
            TimeoutError: it has not in time.
        """
        wait_until(
            lambda: self.items(sink, signal) >= count,
            lambda: f"{sink}, with {self.items(sink, signal)} items of {signal}, has {count}",
        )

    def wait_for_refusals(self, sink: str, count: int) -> None:
        """Waits until a sink has answered this many requests with an error.

        Raises:
            TimeoutError: it has not in time.
        """
        wait_until(
            lambda: self.refused.get(sink, 0) >= count,
            lambda: f"{sink}, with {self.refused.get(sink, 0)} refused requests, has refused {count}",
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    intake: Intake


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        _, sink, path = self.path.split("/", 2)
        known = [entry for suffix, entry in MESSAGES.items() if self.path.endswith(suffix)]
        status = self.server.intake.status.get(sink, 200) if known else 404
        if status == 200:
            self._keep(sink, f"/{path}", body, *known[0])
        else:
            self.server.intake.refuse(sink)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _keep(self, sink: str, path: str, body: bytes, signal: str, message: Any) -> None:  # noqa: ANN401 - generated classes
        assert self.headers["Content-Type"] == "application/x-protobuf"
        raw = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        parsed = MessageToDict(message.FromString(raw), use_integers_for_enums=True)
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.intake.add(
            Arrival(
                sink, path, signal, headers, otlp_json.with_hexadecimal_ids(json.loads(json.dumps(parsed)))
            )
        )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Logs nothing: the test checks what arrived."""


@contextmanager
def listening() -> Iterator[Intake]:
    """Runs an intake on a free port of 127.0.0.1 until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.intake = Intake(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.intake
        finally:
            server.shutdown()
            thread.join()
