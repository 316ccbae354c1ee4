"""The canary's peer on one port: an OTLP endpoint, and the APIs of the stores."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

TOKEN = "planted-token-0123456789"
NUMBER = "telemetry.canary.number"
_RUN = "service.instance.id"
Form = Callable[[list[list[object]]], list[dict[str, Any]]]


@dataclass
class Peer:
    """What the peer has stored, and how it behaves.

    Args:
        url: its address.
        stored: per signal, each item's number and the id that a query is matched against.
        lost: signals that are acknowledged and then never stored.
        status: status codes that override the answer, by path prefix.
        reject: answers with OTLP's partial success, one span rejected.
        login: the header that VictoriaLogs requires of a query, if not empty.
        body: overrides the answer to every query, if not empty.
        tempo: answers trace queries like Tempo, not like Jaeger.
    """

    url: str
    stored: dict[str, dict[int, str]] = field(
        default_factory=lambda: {signal: {} for signal in ("traces", "metrics", "logs")}
    )
    lost: set[str] = field(default_factory=set)
    status: dict[str, int] = field(default_factory=dict)
    reject: bool = False
    login: str = ""
    body: bytes = b""
    tempo: bool = False

    def take(self, path: str, body: bytes) -> bytes:
        """Stores the item of a request and returns the response body."""
        signal = path.removeprefix("/v1/")
        number, matched = _READERS[signal](body)
        if self.reject:
            message = ExportTraceServiceResponse()
            message.partial_success.rejected_spans = 1
            return message.SerializeToString()
        if signal not in self.lost:
            self.stored[signal][number] = matched
        return b""

    def ask(self, path: str, query: str) -> tuple[int, bytes]:
        """Returns the status and body of a store's answer to a query."""
        if self.body:
            return 200, self.body
        if path.startswith("/api/traces/"):
            return self._trace(path.removeprefix("/api/traces/"))
        if path == "/api/v1/query":
            return self._series("metrics", query, "telemetry_canary_number{", _matrix)
        if path == "/loki/api/v1/query_range":
            return self._series("logs", query, '{service_name="telemetry-canary"}', _streams)
        if path == "/select/logsql/query":
            return self._lines(query)
        return 404, b"no such API"

    def _lines(self, query: str) -> tuple[int, bytes]:
        if not query.startswith('{service.name="telemetry-canary"} "service.instance.id":="'):
            return 400, b"cannot parse query"
        numbers = [number for number, run in self.stored["logs"].items() if f'"{run}"' in query]
        return 200, "".join(f"{json.dumps({NUMBER: str(number)})}\n" for number in numbers).encode()

    def _trace(self, trace_id: str) -> tuple[int, bytes]:
        number = next((number for number, each in self.stored["traces"].items() if each == trace_id), None)
        if number is None:
            return 404, b'{"errors":[{"code":404,"msg":"trace not found"}]}'
        jaeger = {"data": [{"spans": [{"tags": [{"key": NUMBER, "type": "int64", "value": number}]}]}]}
        attribute = {"key": NUMBER, "value": {"intValue": str(number)}}
        tempo = {"batches": [{"scopeSpans": [{"spans": [{"attributes": [attribute]}]}]}]}
        return 200, json.dumps(tempo if self.tempo else jaeger).encode()

    def _series(self, signal: str, query: str, begins: str, form: Form) -> tuple[int, bytes]:
        if not query.startswith(begins):
            return 400, b"parse error"
        kept = [[0, str(number)] for number, run in self.stored[signal].items() if f'"{run}"' in query]
        return 200, json.dumps({"data": {"result": form(kept) if kept else []}}).encode()


def _matrix(kept: list[list[object]]) -> list[dict[str, Any]]:
    return [{"values": kept}]


def _streams(kept: list[list[object]]) -> list[dict[str, Any]]:
    return [{"stream": {"telemetry_canary_number": number}, "values": [[0, "x"]]} for _, number in kept]


def _attributes(message: Any) -> dict[str, Any]:  # noqa: ANN401 - generated types
    return {each.key: each.value.string_value or each.value.int_value for each in message.attributes}


def _parsed(kind: type[Message], body: bytes) -> Any:  # noqa: ANN401 - generated types
    return kind.FromString(body)


def _span(body: bytes) -> tuple[int, str]:
    [group] = _parsed(ExportTraceServiceRequest, body).resource_spans
    [span] = group.scope_spans[0].spans
    assert _attributes(group.resource)["service.name"] == "telemetry-canary"
    assert len(span.span_id) == 8
    return _attributes(span)[NUMBER], span.trace_id.hex()


def _point(body: bytes) -> tuple[int, str]:
    [group] = _parsed(ExportMetricsServiceRequest, body).resource_metrics
    [metric] = group.scope_metrics[0].metrics
    assert metric.name == NUMBER
    return metric.gauge.data_points[0].as_int, _attributes(group.resource)[_RUN]


def _record(body: bytes) -> tuple[int, str]:
    [group] = _parsed(ExportLogsServiceRequest, body).resource_logs
    [record] = group.scope_logs[0].log_records
    return _attributes(record)[NUMBER], _attributes(group.resource)[_RUN]


_READERS = {"traces": _span, "metrics": _point, "logs": _record}


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.peer = Peer(f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == f"Bearer {TOKEN}"
        typed = self.headers["Content-Type"] == "application/x-protobuf"
        status = self._overruled() or (200 if known and typed else 401)
        self._answer(status, self.server.peer.take(self.path, body) if status == 200 else b"refused")

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query).get("query", [""])[0]
        overruled = self._overruled()
        login = self.server.peer.login
        if parts.path.startswith("/select/") and login and self.headers["Authorization"] != login:
            overruled = 401
        self._answer(*((overruled, b"down") if overruled else self.server.peer.ask(parts.path, query)))

    def _overruled(self) -> int | None:
        return next(
            (each for path, each in self.server.peer.status.items() if self.path.startswith(path)), None
        )

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Logs nothing."""


@contextmanager
def listening() -> Iterator[Peer]:
    """Runs a peer on a free port until the block ends."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.peer
        finally:
            server.shutdown()
            thread.join()
