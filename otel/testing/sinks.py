"""The in-memory sinks and counting ids behind `capture_telemetry`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

if TYPE_CHECKING:
    from otel.testing.error_sink import MemoryTransport


class CountingIds(IdGenerator):
    """Generates the ids 1, 2, 3 …, the same in every run of a test."""

    def __init__(self) -> None:
        self._spans = self._traces = 0

    def generate_span_id(self) -> int:
        """Returns the next span id."""
        self._spans += 1
        return self._spans

    def generate_trace_id(self) -> int:
        """Returns the next trace id."""
        self._traces += 1
        return self._traces


@dataclass(frozen=True, slots=True)
class MemorySinks:
    """Where a test's telemetry goes, at once and in the caller's thread; `output` receives log lines."""

    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter
    errors: MemoryTransport | None  # None if sentry-sdk is not installed
    ids: CountingIds
    output: TextIO
