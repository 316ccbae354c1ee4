"""A Jaeger with its data in memory that asks for the stack's login, as the native stack's does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stack.native import logins
from stack.native.tools import tool_path
from tests.app.infra.stores.conftest import PASSWORD
from tests.programs import free_port, running


@dataclass(frozen=True)
class RunningJaeger:
    """Where it is asked, and where it takes spans."""

    url: str
    otlp: str


@contextmanager
def jaeger() -> Iterator[RunningJaeger]:
    """Runs Jaeger until the block ends."""
    admin, query, otlp = free_port(), free_port(), free_port()
    nowhere = ("query.grpc-server", "collector.otlp.grpc", "collector.http-server", "collector.grpc-server")
    command = [
        "/usr/bin/env",
        "SPAN_STORAGE_TYPE=memory",
        f"MULTI_TENANCY_TENANTS={logins.basic(PASSWORD)}",
        str(tool_path("jaeger")),
        "--multi-tenancy.enabled=true",
        "--multi-tenancy.header=authorization",
        f"--admin.http.host-port=127.0.0.1:{admin}",
        f"--query.http-server.host-port=127.0.0.1:{query}",
        f"--collector.otlp.http.host-port=127.0.0.1:{otlp}",
        *(f"--{name}.host-port=127.0.0.1:0" for name in nowhere),
    ]
    with running(command, f"http://127.0.0.1:{admin}/"):
        yield RunningJaeger(f"http://127.0.0.1:{query}", f"http://127.0.0.1:{otlp}/v1/traces")
