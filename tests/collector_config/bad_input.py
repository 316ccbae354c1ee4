"""Requests that the edge rejects, each with the status of the response."""

from __future__ import annotations

import gzip
import json
from typing import Any

MEBIBYTE = 1024 * 1024
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def one_span(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Returns a request with one span."""
    made = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "GET /",
        "startTimeUnixNano": "1795500000000000000",
        "endTimeUnixNano": "1795500000040000000",
        **fields,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]}


BOMB = gzip.compress(bytes(200 * MEBIBYTE), 9)
TEXT = json.dumps(one_span()).encode()
Bad = tuple[bytes, dict[str, str], int]  # body, headers, status
BAD: dict[str, Bad] = {
    "no token": (TEXT, {"Authorization": ""}, 401),
    "wrong token": (TEXT, {"Authorization": "Bearer 0123456789abcdef"}, 401),
    "empty token": (TEXT, {"Authorization": "Bearer"}, 401),
    "other scheme": (TEXT, {"Authorization": "Basic bG1zOmxtcw=="}, 401),
    "wrong content type": (TEXT, {"Content-Type": "text/plain"}, 415),
    "broken JSON": (b'{"resourceSpans": [', {}, 400),
    "JSON of another type": (b'{"resourceSpans": 5}', {}, 400),
    "an id that is none": (json.dumps(one_span(traceId="zz")).encode(), {}, 400),
    "broken protobuf": (b"\xff\xff\xff\xff", PROTOBUF, 400),
    "oversized": (b'{"resourceSpans": [' + b" " * 5 * MEBIBYTE + b"]}", {}, 400),
    "compressed bomb": (BOMB, {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
    "not compressed as said": (b"no gzip", {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
    "unknown compression": (TEXT, {"Content-Encoding": "br"}, 400),
    "unknown compression of no OTLP": (TEXT, {"Content-Type": "text/plain", "Content-Encoding": "br"}, 500),
    "compression that no sender needs": (TEXT, {"Content-Encoding": "zstd"}, 400),
}
