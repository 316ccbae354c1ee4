"""The merged timeline of one trace: its spans, its log records and its errors, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from pydantic import BaseModel, Field

from app.infra.stores.logs import LogRecord
from app.infra.stores.traces import Span
from app.monitoring.links import WebLinks
from app.monitoring.log_records import LoggedError, LogOut, rfc3339

_MILLISECOND: Final = 1_000_000
_EXCEPTION: Final = "exception"  # the name of a span's event about an error, by semantic conventions


class EntryKind(StrEnum):
    """What an entry is."""

    SPAN = "span"
    LOG = "log"
    ERROR = "error"


class SpanOut(BaseModel):
    """An operation."""

    span_id: str = Field(examples=["00f067aa0ba902b7"])
    parent_id: str | None = Field(examples=["b7ad6b7169203331"])
    name: str = Field(examples=["GET /api/v1/courses/{course_id}"])
    kind: str = Field(examples=["server"])
    service: str = Field(examples=["lms"])
    duration_ms: float = Field(examples=[12.4])
    failed: bool = Field(examples=[False])
    status: str | None = Field(description="What failed, if it says so.", examples=[None])
    attributes: Mapping[str, str] = Field(examples=[{"http.response.status_code": "200"}])


class EntryOut(BaseModel):
    """One entry: a span where it starts, a log record, or an error; the other two are null."""

    time: str = Field(description="RFC 3339, nanoseconds.", examples=["2026-01-05T09:00:00.123456000Z"])
    offset_ms: float = Field(description="After the first entry.", examples=[3.2])
    kind: EntryKind
    span_id: str | None = Field(description="The span that it belongs to.", examples=["00f067aa0ba902b7"])
    link: str | None = Field(
        description="Where people open it.", examples=["http://127.0.0.1:16686/trace/4bf92f3577b34da6"]
    )
    span: SpanOut | None = None
    log: LogOut | None = None
    error: LoggedError | None = None


class _Entries:
    """Makes the entries of one trace."""

    def __init__(self, trace_id: str, first: int, last: int, links: WebLinks) -> None:
        self._trace_id = trace_id
        self._first, self._last = first, last
        self._links = links
        self._logs_link = links.logs(trace_id, first, last)

    def span(self, span: Span) -> EntryOut:
        link = self._links.trace(self._trace_id, self._first, self._last, span.span_id)
        return self._entry(span.start, EntryKind.SPAN, span.span_id, link, span=_span(span))

    def log(self, record: LogRecord) -> EntryOut:
        shown = LogOut.of(record)
        return self._entry(record.time, EntryKind.LOG, record.span_id, self._logs_link, log=shown)

    def error(self, time: int, span_id: str, error: LoggedError) -> EntryOut:
        return self._entry(time, EntryKind.ERROR, span_id, self._links.error(self._trace_id), error=error)

    def _entry(
        self, time: int, kind: EntryKind, span_id: str, link: str | None, **content: BaseModel
    ) -> EntryOut:
        offset = round((time - self._first) / _MILLISECOND, 3)
        facts = {"time": rfc3339(time), "offset_ms": offset, "kind": kind, "span_id": span_id or None}
        return EntryOut.model_validate({**facts, "link": link, **content})


@dataclass(frozen=True, slots=True)
class Timeline:
    """The first entries of a trace, of how many in all, and whether an error is among all."""

    entries: list[EntryOut]
    total: int
    has_errors: bool


def timeline(
    trace_id: str, spans: Sequence[Span], records: Sequence[LogRecord], links: WebLinks, most: int
) -> Timeline:
    """Returns the first ``most`` entries; an error that spans and records report alike is one entry."""
    if not spans and not records:
        return Timeline([], 0, has_errors=False)
    made = _Entries(trace_id, *bounds(spans, records), links)
    errors = _errors(spans, records)
    # Entries are costly, so only those that are shown are made.
    found: list[tuple[int, Callable[[], EntryOut]]] = [
        *((each.start, partial(made.span, each)) for each in spans),
        *((each.time, partial(made.log, each)) for each in records),
        *((time, partial(made.error, time, span_id, error)) for time, span_id, error in errors),
    ]
    found.sort(key=lambda pair: pair[0])
    return Timeline([make() for _, make in found[:most]], len(found), bool(errors))


def bounds(spans: Sequence[Span], records: Sequence[LogRecord]) -> tuple[int, int]:
    """Returns the first and the last time of a trace, in nanoseconds since the epoch."""
    starts = [span.start for span in spans] + [each.time for each in records]
    ends = [span.end for span in spans] + [each.time for each in records]
    return min(starts), max(ends)


def _span(span: Span) -> SpanOut:
    return SpanOut(
        span_id=span.span_id,
        parent_id=span.parent_id or None,
        name=span.name,
        kind=span.kind,
        service=span.service,
        duration_ms=round((span.end - span.start) / _MILLISECOND, 3),
        failed=span.failed,
        status=span.status or None,
        attributes=span.attributes,
    )


def _errors(spans: Sequence[Span], records: Sequence[LogRecord]) -> list[tuple[int, str, LoggedError]]:
    """Returns the errors with their time and span: each once, at the first time."""
    found = [
        (each.time, span.span_id, _error(each.attributes))
        for span in spans
        for each in span.events
        if each.name == _EXCEPTION
    ]
    logged = [(each, LogOut.of(each).error) for each in records]
    found += [(each.time, each.span_id, error) for each, error in logged if error is not None]
    once: dict[tuple[str, str], tuple[int, str, LoggedError]] = {}
    for time, span_id, error in sorted(found, key=lambda each: each[0]):
        once.setdefault((error.type, error.message), (time, span_id, error))
    return list(once.values())


def _error(attributes: Mapping[str, str]) -> LoggedError:
    return LoggedError(
        type=attributes.get("exception.type", ""),
        message=attributes.get("exception.message", ""),
        stacktrace=attributes.get("exception.stacktrace"),
    )
