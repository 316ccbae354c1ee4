"""Sinks that keep telemetry in memory, and ids that count: what `otel.testing` is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TextIO

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport


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


class MemoryTransport(Transport):
    """Keeps error reports instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keeps the event of an envelope."""
        event = envelope.get_event()
        if event is not None:
            self.events.append(dict(event))


@dataclass(frozen=True, slots=True)
class MemorySinks:
    """Where a test's telemetry goes: kept at once, in the caller's thread; `output` takes the log lines."""

    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter
    errors: MemoryTransport
    ids: CountingIds
    output: TextIO
