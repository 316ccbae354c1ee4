"""Sends log records and spans to the stores, as the platform and the Collector do: OTLP over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import quote

from stack.settings import REPOSITORY


def send(script: str, *, logs: str = "", traces: str = "", service: str = "lms", login: str = "") -> str:
    """Runs a script whose telemetry goes to these OTLP addresses; returns the last line that it prints.

    ``login`` is the Authorization header that the trace store asks for. The script is a process of its own,
    because a process has one telemetry; the platform under test has another.
    """
    environment: Mapping[str, str] = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "OTEL_SERVICE_NAME": service,
        "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=stegmaier,deployment.environment.name=tests",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "otlp" if logs else "none",
        "OTEL_TRACES_EXPORTER": "otlp" if traces else "none",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": logs or "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": traces or "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": f"Authorization={quote(login)}" if login else "",
        "TELEMETRY_LOG_BURST": "0",
        "TELEMETRY_RUNTIME_METRICS": "off",
    }
    done = subprocess.run(
        [sys.executable, "-c", _BEFORE + script + _AFTER],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()[-1]


_BEFORE = """
import otel
telemetry = otel.configure(otel.TelemetryConfig.from_env())
from opentelemetry import trace
tracer = trace.get_tracer("tests")
log = otel.get_logger("enrollments")
answer = ""
"""
_AFTER = """
assert telemetry.shutdown(30).complete
print(answer)
"""
