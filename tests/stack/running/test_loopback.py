"""Every user of the machine can reach loopback: no port of the stack serves one who does not log in."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Mapping
from typing import Final

import httpx
import psutil
import pymongo
import pymongo.errors
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stack.native.native_stack import NativeStack
from stack.native.plan import DATABASE

pytestmark = pytest.mark.stack

REFUSALS: Final = {401, 403, 404, 405}
# What answers without a login, and why that is no harm. By the variable of the port, as in .env.
OPEN: Final[Mapping[str, str]] = {
    "LMS_PORT": "the platform is for everybody: its own tokens protect what is not public",
    "STACK_PORT_GRAFANA": "its pages redirect to the login; its health is one word",
    "STACK_PORT_BUGSINK": "its pages redirect to a login; its intake asks for the project's key",
    "STACK_PORT_COLLECTOR_HEALTH": "one word: whether the Collector works",
    "STACK_PORT_COLLECTOR_METRICS": "counts of items, without content; the Collector cannot protect them",
    "STACK_PORT_JAEGER_ADMIN": "health, counts and profiles of Jaeger, no spans; Jaeger cannot protect them",
    "STACK_PORT_CANARY": "whether the canary's items arrived",
}
_LOGIN: Final = b"user\0lms\0database\0lms\0\0"
# What speaks no HTTP answers this, in its own protocol, to one who has not logged in.
SPEAKS: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "STACK_PORT_REDIS": (b"INFO\r\n", b"-NOAUTH"),
    # A start-up message, and the demand for SCRAM (PostgreSQL's documentation, "Message Formats").
    "STACK_PORT_POSTGRES": (
        struct.pack("!ii", 8 + len(_LOGIN), 196608) + _LOGIN,
        b"R\0\0\0",
    ),
}
MONGODB: Final = "STACK_PORT_MONGODB"
# What reads or changes something in each part, and in what it is built from.
PROTOBUF: Final = "application/x-protobuf"
THRIFT: Final = "application/x-thrift"
REQUESTS: Final = (
    ("GET", "/", PROTOBUF),
    ("GET", "/api/v1/query?query=up", PROTOBUF),
    ("GET", "/api/v2/alerts", PROTOBUF),
    ("POST", "/api/v2/silences", PROTOBUF),
    ("GET", "/api/services", PROTOBUF),
    ("GET", "/search", PROTOBUF),
    ("GET", "/metrics", PROTOBUF),
    ("GET", "/select/logsql/query?query=*", PROTOBUF),
    ("POST", "/v1/traces", PROTOBUF),
    ("POST", "/v1/logs", PROTOBUF),
    ("POST", "/v1/metrics", PROTOBUF),
    ("POST", "/api/v1/otlp/v1/metrics", PROTOBUF),
    ("POST", "/insert/opentelemetry/v1/logs", PROTOBUF),
    ("POST", "/api/traces", THRIFT),
)
PAGES: Final = ("prometheus", "alertmanager", "jaeger", "victorialogs")


def _listening(stack: NativeStack) -> dict[int, str]:
    """Returns each port that a process of the stack listens on, with the process's name."""
    found: dict[int, str] = {}
    for process in stack.supervisor.members():
        for connection in process.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip == "127.0.0.1", f"{process.name()} listens on {connection.laddr}"
                found[connection.laddr.port] = process.name()
    return found


def _variables(stack: NativeStack) -> dict[int, str]:
    return {wanted.port: wanted.variable for part in stack.parts() for wanted in part.ports}


def test_no_port_serves_one_who_does_not_log_in(stack: NativeStack) -> None:
    known = _variables(stack)
    listening = _listening(stack)
    assert known.keys() <= listening.keys()
    served: list[str] = []
    for port, program in listening.items():
        variable = known.get(port, "")
        if variable in OPEN or variable == MONGODB:
            continue
        if variable in SPEAKS:
            assert _says(port, SPEAKS[variable][0]).startswith(SPEAKS[variable][1])
            continue
        if program == "jaeger" and not variable:  # gRPC, which asks, and thrift over HTTP, which cannot
            continue
        served += [f"{program} ({variable or port}): {what}" for what in _served(port)]
    assert served == []


def _served(port: int) -> list[str]:
    """Returns each request that the port served; a port that speaks no HTTP/1 (gRPC) serves none."""
    served = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0) as client:
        for method, path, kind in REQUESTS:
            body = _span() if method == "POST" else None
            try:
                answer = client.request(method, path, content=body, headers={"Content-Type": kind})
            except httpx.RemoteProtocolError:
                continue
            if answer.status_code not in REFUSALS and not answer.is_server_error:
                served.append(f"{method} {path}: {answer.status_code}")
    return served


def _span() -> bytes:
    """Returns a span as OTLP: some refuse nothing that is empty."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = secrets.token_bytes(16), secrets.token_bytes(8), "planted"
    return request.SerializeToString()


@pytest.mark.parametrize("part", PAGES)
def test_a_browser_is_asked_for_the_login(stack: NativeStack, part: str) -> None:
    answer = httpx.get(stack.url(part))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def _says(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        return connection.recv(100)


def test_the_list_of_open_ports_has_no_stale_entry(stack: NativeStack) -> None:
    assert {*OPEN, *SPEAKS, MONGODB} <= {*_variables(stack).values()}


def test_the_database_shows_nothing_to_one_who_does_not_log_in(stack: NativeStack) -> None:
    port = stack.environment.stack.port_mongodb
    with pymongo.MongoClient[dict[str, object]](f"mongodb://127.0.0.1:{port}/{DATABASE}") as client:
        for command in ({"listCollections": 1}, {"find": "users"}, {"insert": "users", "documents": [{}]}):
            with pytest.raises(pymongo.errors.PyMongoError):
                client[DATABASE].command(command)
