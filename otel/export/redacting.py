"""The last gate: exporters that redact what foreign code put on spans and log records, in the export thread.

No request waits for this: the SDK's batch processors call exporters from their own threads. If redaction
itself fails, so does the batch, which is counted as lost: nothing is exported unredacted.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status, TraceState
from opentelemetry.util.types import AttributeValue

from otel.logs.otlp import SCOPE_NAME
from otel.redaction.engine import Redactor


class _RedactedSpan(ReadableSpan):
    """A copy of a span that keeps the original's dropped counts."""

    def __init__(self, original: ReadableSpan, **parts: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init__(**parts)
        self._original = original

    @property
    def dropped_attributes(self) -> int:
        """Attributes dropped by the original's limits."""
        return self._original.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """Events dropped by the original's limits."""
        return self._original.dropped_events

    @property
    def dropped_links(self) -> int:
        """Links dropped by the original's limits."""
        return self._original.dropped_links


class RedactingSpanExporter(SpanExporter):
    """Passes spans on to `inner` with names, attributes, events, links and status descriptions redacted."""

    def __init__(self, inner: SpanExporter, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Exports redacted copies of the spans; a clean span is passed on unchanged."""
        return self._inner.export([clean_span(self._redactor, span) for span in spans])

    def shutdown(self) -> None:
        """Ends the inner exporter."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flushes the inner exporter."""
        return self._inner.force_flush(timeout_millis)


class RedactingLogExporter(LogRecordExporter):
    """Passes log records on to `inner`, redacted; those of our own pipeline already are."""

    def __init__(self, inner: LogRecordExporter, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Exports redacted copies of the records."""
        return self._inner.export([clean_record(self._redactor, record) for record in batch])

    def shutdown(self) -> None:
        """Ends the inner exporter."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves this method untyped

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flushes the inner exporter, if it can."""
        flush = getattr(self._inner, "force_flush", None)
        return bool(flush(timeout_millis)) if flush is not None else True


def clean_span(redactor: Redactor, span: ReadableSpan) -> ReadableSpan:
    """Returns a redacted copy of the span, or the span itself if it is clean already."""
    name = redactor.text(span.name)
    attributes = _attributes(redactor, span.attributes or {})
    description = span.status.description
    context = _context(redactor, span.get_span_context())
    plain = not span.events and not span.links and description is None and name is span.name
    if plain and attributes is None and context is span.get_span_context():
        return span
    return _RedactedSpan(
        span,
        name=name,
        context=context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes if attributes is None else attributes,
        events=[_event(redactor, event) for event in span.events],
        links=[_link(redactor, link) for link in span.links],
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code, description and redactor.text(description)),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def clean_record(redactor: Redactor, record: ReadableLogRecord) -> ReadableLogRecord:
    """Returns a redacted copy of the record; one of our own pipeline is already clean and returned as is."""
    scope = record.instrumentation_scope
    if scope is not None and scope.name == SCOPE_NAME:
        return record
    clean = copy.copy(record.log_record)
    clean.body = cast("Any", redactor.value(None, clean.body))
    clean.attributes = cast("Any", redactor.mapping(dict(clean.attributes or {})))
    return dataclasses.replace(record, log_record=clean)


def redacted_value(redactor: Redactor, name: str, value: AttributeValue) -> AttributeValue:
    """Returns an attribute's value without secrets, a sequence item by item."""
    if not isinstance(value, (tuple, list)):
        return cast("AttributeValue", redactor.value(name, value))
    items = tuple(redactor.value(name, item) for item in value)
    same = all(new is old for new, old in zip(items, value, strict=True))
    return value if same else cast("AttributeValue", items)


def _event(redactor: Redactor, event: Event) -> Event:
    attributes = _attributes(redactor, event.attributes or {})
    kept = event.attributes if attributes is None else attributes
    return Event(redactor.text(event.name), kept, event.timestamp)


def _link(redactor: Redactor, link: Link) -> Link:
    attributes = _attributes(redactor, link.attributes or {})
    context = _context(redactor, link.context)
    if attributes is None and context is link.context:
        return link
    return Link(context or link.context, link.attributes if attributes is None else attributes)


def _context(redactor: Redactor, context: SpanContext | None) -> SpanContext | None:
    """Returns the context without `tracestate` members that hold a secret; itself if there are none."""
    if context is None or not context.trace_state:
        return context
    state = context.trace_state
    kept = [(key, value) for key, value in state.items() if _is_clean(redactor, key, value)]
    if len(kept) == len(state):
        return context
    trace_id, span_id, is_remote, flags, *_ = context
    return SpanContext(trace_id, span_id, is_remote, flags, TraceState(kept))


def _is_clean(redactor: Redactor, key: str, value: str) -> bool:
    return redactor.text(key) == key and redactor.value(key, value) == value


def _attributes(
    redactor: Redactor, attributes: Mapping[str, AttributeValue]
) -> dict[str, AttributeValue] | None:
    """Return redacted attributes, or None if nothing had to change."""
    redacted: dict[str, AttributeValue] = {}
    changed = False
    # One pass: each access to the SDK's attributes is three Python calls.
    for name, value in attributes.items():
        key = redactor.text(name)
        clean = redacted[key] = redacted_value(redactor, name, value)
        changed = changed or clean is not value or key is not name
    return redacted if changed else None
