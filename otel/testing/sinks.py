"""Sinks that keep telemetry in memory, and ids that count: what `otel.testing` is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

if TYPE_CHECKING:
    from otel.testing.error_sink import MemoryTransport


class CountingIds(IdGenerator):
    """Makes the ids 1, 2, 3 …, so that every run of a test has the same."""

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
    """Where a test's telemetry goes: kept at once, in the caller's thread; `output` takes the log lines."""

    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter
    errors: MemoryTransport | None  # None where sentry-sdk is not installed
    ids: CountingIds
    output: TextIO
