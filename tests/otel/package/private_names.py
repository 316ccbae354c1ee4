"""The private names of other packages that `otel` uses; a release may change them without notice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PRIVATE_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "opentelemetry.sdk.trace": (
        "_add_event",
        "_add_link",
        "_is_enabled",
        "_new_events",
        "_new_links",
        "_on_ending",
        "_readable_span",
        "_set_items",
        "_span_limits",
        "_tracer_metrics",
        "_tracers",
        "_tracers_lock",
        "_update_resource",
    ),
    "opentelemetry.sdk.trace._tracer_metrics": ("NoOpTracerMetrics",),
    "opentelemetry.sdk.metrics": ("_measurement_consumer",),
    "opentelemetry.sdk.metrics.export": (
        "_preferred_aggregation",
        "_preferred_temporality",
        "_receive_metrics",
        "_set_meter_provider",
    ),
    "opentelemetry.exporter.prometheus": ("_collector", "_target_info"),
    "opentelemetry.exporter.otlp.proto.common._internal": ("_encode_value",),
    "opentelemetry.exporter.otlp.proto.http._common": ("RequestPayloadTooLargeError",),
    "opentelemetry.exporter.otlp.proto.http._log_exporter": ("OTLPLogExporter",),
    "opentelemetry.exporter.otlp.proto.http.trace_exporter": (
        "_client",
        "_max_request_size",
        "_metrics",
        "_shutdown",
    ),
    "opentelemetry.semconv._incubating.attributes": ("otel_attributes",),
    "opentelemetry.semconv._incubating.metrics": ("otel_metrics",),
    "sentry_sdk.transport": ("_send_envelope",),
    "sentry_sdk._types": ("EventDataCategory",),
    "structlog.stdlib": ("_process_event", "_processors"),
}
"""Modules and the names that we use from them, or from the objects they create. The experimental logs API
(`opentelemetry._logs`, `opentelemetry.sdk._logs`) is private by name only and left out."""

_LOGS_API: Final = ("opentelemetry._logs", "opentelemetry.sdk._logs", "opentelemetry.sdk._logs.export")


def used_in(folder: Path) -> set[str]:
    """Finds foreign private names used below `folder`: imports, and attributes that it does not define."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    own = {name for node in nodes for name in _defined(node)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_private(node.attr)}
    return (
        (attributes - own)
        | {node.attr for node in nodes if isinstance(node, ast.Attribute) and _asks_base(node)}
        | {name for node in nodes for name in _imported(node)}
    )


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _asks_base(node: ast.Attribute) -> bool:
    called = node.value
    return (
        _is_private(node.attr)
        and isinstance(called, ast.Call)
        and isinstance(called.func, ast.Name)
        and called.func.id == "super"
    )


def _defined(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
            yield node.attr
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value  # a slot


def _imported(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.ImportFrom) or not node.module or node.module in _LOGS_API:
        return
    if node.module.startswith(("otel.", "_", "opentelemetry.proto")):
        return
    inside = any(_is_private(part) for part in node.module.split("."))
    names = {alias.name for alias in node.names if inside or _is_private(alias.name)}
    yield from names - {"_logs"}
