"""A cheap receiver for all variants: accepts OTLP and Sentry envelopes, answers 200, stores nothing.

While watched it decodes what arrives, to catch a variant that sends less than it should; during a
measurement it does not. ``python -m bench.overhead.sink PORT``
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from typing import Any, Final

import uvicorn
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from stack.native.ports import LOOPBACK

_SERVICE: Final = "service.name"


class Sink:
    """An ASGI application. POST /watch and /rest switch decoding on and off; GET /seen returns the counts.

    `seen` maps a service's name to its counts of ``spans``, ``server``, ``logs`` and ``bytes``.
    """

    def __init__(self) -> None:
        self.seen: dict[str, Counter[str]] = {}
        self._watched = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own loose types
        """Answers one request."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = self.answer(scope["path"], body, dict(scope["headers"]).get(b"content-encoding", b""))
        await send({"type": "http.response.start", "status": 200, "headers": _length(answer)})
        await send({"type": "http.response.body", "body": answer})

    def answer(self, path: str, body: bytes, encoding: bytes = b"") -> bytes:
        """Counts the request and returns the response body."""
        if path == "/seen":
            return json.dumps(self.seen).encode()
        if path in ("/watch", "/rest"):
            self._watched = path == "/watch"
        elif self._watched:
            self._look(path, gzip.decompress(body) if encoding == b"gzip" else body)
        return b""

    def _look(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            self._look_at_spans(body)
        elif path == "/v1/logs":
            self._look_at_logs(body)

    def _look_at_spans(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            counts = self._counts(resource.resource)
            counts["bytes"] += resource.ByteSize()
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                counts["spans"] += 1
                counts["server"] += span.kind == Span.SPAN_KIND_SERVER

    def _look_at_logs(self, body: bytes) -> None:
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            counts = self._counts(resource.resource)
            counts["bytes"] += resource.ByteSize()
            counts["logs"] += sum(len(scope.log_records) for scope in resource.scope_logs)

    def _counts(self, resource: Any) -> Counter[str]:  # noqa: ANN401 - protobuf's generated class has no types
        name = next((each.value.string_value for each in resource.attributes if each.key == _SERVICE), "")
        return self.seen.setdefault(name, Counter())


def _length(answer: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", str(len(answer)).encode())]


if __name__ == "__main__":
    uvicorn.run(Sink(), host=LOOPBACK, port=int(sys.argv[1]), access_log=False, log_level="warning")
