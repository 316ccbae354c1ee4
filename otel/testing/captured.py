"""Captured telemetry as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

FIRST_INSTANT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The first instant on the fixed clock; each later instant of a capture is one second after the previous."""


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """An event of a span, such as `exception`."""

    name: str
    attributes: Mapping[str, Any]
    time: str


@dataclass(frozen=True, slots=True)
class CapturedLink:
    """A link to another span; ids are hexadecimal."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class CapturedSpan:
    """One finished span; ids are hexadecimal, times are on the fixed clock."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: str
    end: str
    status: str
    status_description: str | None
    attributes: Mapping[str, Any]
    events: tuple[CapturedEvent, ...]
    links: tuple[CapturedLink, ...]
    scope: str


@dataclass(frozen=True, slots=True)
class CapturedLog:
    """One log record as exported over OTLP; record n, from 0, is n seconds after the first instant."""

    body: Any
    time: str
    severity: str
    attributes: Mapping[str, Any]
    trace_id: str | None
    span_id: str | None
    scope: str


@dataclass(frozen=True, slots=True)
class CapturedSeries:
    """One series of a metric; a histogram's `value` is its number of measurements, `total` their sum."""

    attributes: Mapping[str, Any]
    value: float
    total: float | None = None


def spans_of(finished: Sequence[ReadableSpan]) -> list[CapturedSpan]:
    """Turns finished spans into plain values, in the order in which they started."""
    clock = _Clock(finished)
    ordered = sorted(finished, key=lambda span: (span.start_time or 0, span.end_time or 0))
    return [_span(span, clock) for span in ordered]


def logs_of(records: Iterable[ReadableLogRecord]) -> list[CapturedLog]:
    """Turns log records into plain values, in the order in which they were written."""
    return [_log(each, number) for number, each in enumerate(records)]


def series_of(data: MetricsData | None) -> dict[str, list[CapturedSeries]]:
    """Turns collected metrics into plain values by metric name; series at zero are left out."""
    found: dict[str, list[CapturedSeries]] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                series = [_series(point) for point in metric.data.data_points]
                found.setdefault(metric.name, []).extend(each for each in series if each.value)
    return {name: series for name, series in found.items() if series}


def plain(captured: CapturedSpan | CapturedLog) -> dict[str, Any]:
    """Turns a captured span or record into dictionaries, lists and strings that are the same in every run.

    Durations become 0; a stack trace is reduced to its last line.
    """
    values = asdict(captured)
    values["attributes"] = _stable(values["attributes"])
    for event in values.get("events", ()):
        event["attributes"] = _stable(event["attributes"])
    return values


def _stable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    stable = dict(attributes)
    for name, value in attributes.items():
        if name.endswith(("duration_ms", ".duration")):
            stable[name] = 0
        if name.endswith("stacktrace"):
            stable[name] = str(value).strip().rpartition("\n")[2]
    return stable


class _Clock:
    """Maps the instants of a capture to a clock that reads the same in every run."""

    def __init__(self, spans: Iterable[ReadableSpan]) -> None:
        instants = {
            instant
            for span in spans
            for instant in (span.start_time, span.end_time, *(event.timestamp for event in span.events))
            if instant is not None
        }
        self._ranks = {instant: rank for rank, instant in enumerate(sorted(instants))}

    def show(self, instant: int | None) -> str:
        rank = self._ranks.get(instant or 0, 0)
        return (FIRST_INSTANT + timedelta(seconds=rank)).isoformat()


def _span(span: ReadableSpan, clock: _Clock) -> CapturedSpan:
    context, parent = span.get_span_context(), span.parent
    return CapturedSpan(
        name=span.name,
        kind=span.kind.name,
        trace_id=format_trace_id(context.trace_id) if context else "",
        span_id=format_span_id(context.span_id) if context else "",
        parent_id=format_span_id(parent.span_id) if parent else None,
        start=clock.show(span.start_time),
        end=clock.show(span.end_time),
        status=span.status.status_code.name,
        status_description=span.status.description,
        attributes=dict(span.attributes or {}),
        events=tuple(
            CapturedEvent(event.name, dict(event.attributes or {}), clock.show(event.timestamp))
            for event in span.events
        ),
        links=tuple(
            CapturedLink(format_trace_id(link.context.trace_id), format_span_id(link.context.span_id))
            for link in span.links
        ),
        scope=span.instrumentation_scope.name if span.instrumentation_scope else "",
    )


def _log(each: ReadableLogRecord, number: int) -> CapturedLog:
    record = each.log_record
    return CapturedLog(
        body=record.body,
        time=(FIRST_INSTANT + timedelta(seconds=number)).isoformat(),
        severity=record.severity_text or "",
        attributes=dict(record.attributes or {}),
        trace_id=format_trace_id(record.trace_id) if record.trace_id else None,
        span_id=format_span_id(record.span_id) if record.span_id else None,
        scope=each.instrumentation_scope.name if each.instrumentation_scope else "",
    )


def _series(point: object) -> CapturedSeries:
    if isinstance(point, HistogramDataPoint):
        return CapturedSeries(dict(point.attributes or {}), point.count, point.sum)
    if isinstance(point, NumberDataPoint):
        return CapturedSeries(dict(point.attributes or {}), point.value)
    raise TypeError(f"exponential histograms are not supported: {point!r}")
