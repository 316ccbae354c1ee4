"""One trace as a merged timeline: what happened in a request, in order, from every source."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field

from app.core.clock import Clock
from app.core.errors import NotFound
from app.infra.stores import Stores
from app.infra.stores.logs import LogQuery, LogRecord
from app.infra.stores.traces import Span
from app.monitoring.asked import AskedStores, Now
from app.monitoring.links import Links, WebLinks
from app.monitoring.log_records import nanoseconds, rfc3339
from app.monitoring.logs import find
from app.monitoring.operators import operators_or
from app.monitoring.partial import Partial, Sources
from app.monitoring.timeline import EntryOut, bounds, timeline

MOST_RECORDS: Final = 500
MOST_ENTRIES: Final = 2000
_BEFORE: Final = 5 * 60 * 1_000_000_000  # ns
_AFTER: Final = 60 * 60 * 1_000_000_000
_DAY: Final = 24 * _AFTER
_MILLISECOND: Final = 1_000_000

AskedId = Annotated[
    str,
    Path(pattern=r"^[0-9a-fA-F]{32}$", max_length=32, examples=["4bf92f3577b34da6a3ce929d0e0e4736"]),
    AfterValidator(str.lower),
]


class TraceNotFound(NotFound):
    """No source has anything of this trace."""

    code = "trace_not_found"
    title = "Trace not found"
    sentence = "Nothing is known of trace {trace}: it was not sampled, is too old, or has not arrived yet."
    example: ClassVar[Mapping[str, Any]] = {"trace": "4bf92f3577b34da6a3ce929d0e0e4736"}


class TraceLinks(BaseModel):
    """Where people open the trace; null where no address was configured."""

    trace: str | None = Field(examples=["http://127.0.0.1:16686/trace/4bf92f3577b34da6a3ce929d0e0e4736"])
    logs: str | None = Field(
        examples=["/api/v1/monitoring/logs?trace_id=4bf92f3577b34da6a3ce929d0e0e4736&since=7d"]
    )
    errors: str | None = Field(description="In the error tracker.", examples=[None])


class TraceOut(Partial):
    """A trace: its entries by time."""

    trace_id: str = Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    name: str | None = Field(
        description="Of the first span without a parent here.", examples=["GET /api/v1/courses"]
    )
    started_at: str | None = Field(examples=["2026-01-05T09:00:00.123456000Z"])
    duration_ms: float | None = Field(examples=[12.4])
    failed: bool = Field(description="Whether a span failed or an error was recorded.", examples=[False])
    services: list[str] = Field(examples=[["lms"]])
    request_id: str | None = Field(examples=["req-7d1f0c"])
    user: str | None = Field(description="The user's id.", examples=["usr_3f1c9a0b2d4e5f607182"])
    links: TraceLinks
    truncated: bool = Field(
        description="Whether records older than the newest 500, or entries after the first 2,000, are cut.",
        examples=[False],
    )
    entries: list[EntryOut]


router = APIRouter()


@router.get("/trace/{trace_id}", **operators_or(TraceNotFound))
async def trace(trace_id: AskedId, stores: AskedStores, links: Links, clock: Now) -> TraceOut:
    """Shows what happened in one trace, in order: spans, log records and errors.

    Spans are from the trace store, records from the log store; while the latter is away, the records are
    those that the process that answers remembers.
    """
    sources = Sources()
    spans = await _spans(stores, trace_id, sources)
    query = _query(trace_id, spans, clock)
    _, records = await find(stores, query, sources)
    account = sources.account()
    if not spans and not records and not account.partial:
        raise TraceNotFound(trace=trace_id)
    return await asyncio.to_thread(merged, query, spans, records, links, account)


async def _spans(stores: Stores, trace_id: str, sources: Sources) -> list[Span]:
    if stores.traces is None:
        sources.not_configured("traces")
        return []
    return await sources.ask(stores.traces.trace(trace_id), [])


def _query(trace_id: str, spans: Sequence[Span], clock: Clock) -> LogQuery:
    """Returns the question for the trace's records: near its spans, else of the last day."""
    if spans:
        first, last = bounds(spans, ())
        start, end = first - _BEFORE, last + _AFTER
    else:
        end = nanoseconds(clock.now())
        start = end - _DAY
    return LogQuery(start=max(start, 0), end=end, limit=MOST_RECORDS + 1, trace_id=trace_id)


def merged(
    query: LogQuery,
    spans: Sequence[Span],
    records: Sequence[LogRecord],
    links: WebLinks,
    account: Partial,
) -> TraceOut:
    """Returns the trace of this query for its records, as one."""
    trace_id = query.trace_id or ""
    shown = sorted(records, key=lambda each: each.time)[-MOST_RECORDS:]
    found = timeline(trace_id, spans, shown, links, MOST_ENTRIES)
    entries = found.entries
    first, last = bounds(spans, shown) if entries else (query.start, query.end)
    known = {span.span_id for span in spans}
    root = next((span for span in spans if span.parent_id not in known), None)
    return TraceOut(
        trace_id=trace_id,
        name=None if root is None else root.name,
        started_at=rfc3339(first) if entries else None,
        duration_ms=round((last - first) / _MILLISECOND, 3) if entries else None,
        failed=any(span.failed for span in spans) or found.has_errors,
        services=sorted(({span.service for span in spans} | {each.service for each in shown}) - {""}),
        request_id=next((each.request_id for each in shown if each.request_id), None),
        user=next((each.user for each in shown if each.user), None),
        links=TraceLinks(
            trace=links.trace(trace_id, first, last),
            logs=links.logs(trace_id, first, last),
            errors=links.error(trace_id),
        ),
        truncated=len(records) > MOST_RECORDS or found.total > len(entries),
        entries=entries,
        **dict(account),
    )
