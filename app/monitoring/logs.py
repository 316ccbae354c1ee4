"""Log records: from the log store, or what this process remembers while that is away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

import otel
from app.core.errors import CursorInvalid, FieldError, Invalid
from app.infra.stores import Stores
from app.infra.stores.logs import LEVELS, LogQuery, LogRecord, fits, recent_record
from app.monitoring.asked import AskedStores, Now
from app.monitoring.levels import Level
from app.monitoring.log_cursor import LONGEST_CURSOR, LogCursor, question_of, read_cursor
from app.monitoring.log_records import LogOut, nanoseconds
from app.monitoring.operators import operators_or
from app.monitoring.parameters import DurationText, TimeText, TraceId, at_most
from app.monitoring.partial import Partial, Sources

LONGEST_RANGE: Final = timedelta(days=30)
DEFAULT_RANGE: Final = timedelta(hours=1)
MAX_LIMIT: Final = 500
PROCESS: Final = "process"

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class LogFilters(BaseModel):
    """Which log records to list; every filter that is given must fit."""

    model_config = ConfigDict(frozen=True)

    level: Level | None = Field(None, description="This level and the more severe ones.")
    service: Word | None = Field(None, description="The service's name.", examples=["lms"])
    logger: Word | None = Field(None, description="The logger's name.", examples=["enrollments"])
    request_id: Word | None = Field(
        None, description="As in X-Request-ID and in problems.", examples=["req-7d1f0c"]
    )
    trace_id: TraceId | None = Field(None, examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    user: Word | None = Field(None, description="The user's id.", examples=["usr_3f1c9a0b2d4e5f607182"])
    text: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None,
        description="Part of the event or of the error's message, in upper or lower case.",
        examples=["division by zero"],
    )
    oldest: TimeText | None = Field(None, alias="from", description="The oldest time, inclusive.")
    newest: TimeText | None = Field(None, alias="to", description="The newest time, inclusive; default: now.")
    since: Annotated[DurationText, at_most(LONGEST_RANGE)] | None = Field(
        None, description="How long before `to` the range starts, instead of `from`; default: 1h."
    )
    cursor: Annotated[str, StringConstraints(max_length=LONGEST_CURSOR)] | None = Field(
        None,
        description="`next_cursor` of the previous page, with the same filters.",
        examples=["Gp8MUuzLmvkYeCovB40AABh4Ki9Q4oAAAAEBAgME"],
    )
    limit: int = Field(100, ge=1, le=MAX_LIMIT, description="Records per page.")

    def question(self) -> bytes:
        """Returns what identifies all filters but the page."""
        return question_of(value for name, value in self if name not in {"cursor", "limit"})

    def place(self, now: datetime) -> LogCursor:
        """Returns where the page starts.

        Raises:
            Invalid: The range is backwards, too long or has two beginnings, or the cursor is of another list.
        """
        if self.cursor is not None:
            return read_cursor(self.cursor, self.question(), nanoseconds_in(LONGEST_RANGE))
        end = self.newest or now
        start = self.oldest or end - (self.since or DEFAULT_RANGE)
        if self.oldest is not None and self.since is not None:
            raise _invalid("since", "Sent with `from`: send one of them")
        if start > end:
            raise _invalid("from", "Later than `to`: exchange them")
        if end - start > LONGEST_RANGE:
            raise _invalid("from", f"More than {LONGEST_RANGE.days} days before `to`: ask for less")
        return LogCursor(self.question(), nanoseconds(start), nanoseconds(end), ())

    def query(self, place: LogCursor) -> LogQuery:
        """Returns what to ask the store: a record more than the page has, so that we know of the next one."""
        return LogQuery(
            start=place.start,
            end=place.time,
            limit=self.limit + len(place.shown) + 1,
            severity=None if self.level is None else LEVELS[self.level],
            service=self.service,
            logger=self.logger,
            request_id=self.request_id,
            trace_id=self.trace_id,
            user=self.user,
            text=self.text,
        )


class LogsOut(Partial):
    """A page of log records, the newest first."""

    source: str = Field(
        description="The log store, or `process`: what the process that answers remembers.",
        examples=["victorialogs"],
    )
    records: list[LogOut]
    next_cursor: str | None = Field(description="For the next page; null at the end.", examples=[None])


def nanoseconds_in(duration: timedelta) -> int:
    """Returns the duration in nanoseconds."""
    return duration // timedelta(microseconds=1) * 1000


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(count=1, errors=(FieldError(f"query.{name}", message, "time_range"),))


async def find(stores: Stores, query: LogQuery, sources: Sources) -> tuple[str, list[LogRecord]]:
    """Returns where the records are from, and the records; this process's own if the log store is away."""
    store = stores.logs
    if store is None:
        sources.not_configured("logs")
        return PROCESS, remembered(query)
    found = await sources.ask(store.records(query), None)
    return (PROCESS, remembered(query)) if found is None else (store.source, found)


def remembered(query: LogQuery) -> list[LogRecord]:
    """Returns what this process remembers of the records that the query asks for."""
    telemetry = otel.active()
    entries = [] if telemetry is None else telemetry.recent_records()
    times = [nanoseconds(datetime.fromisoformat(str(entry["timestamp"]))) for entry in entries]
    records = map(recent_record, times, entries)
    return [each for each in records if fits(query, each)][: query.limit]


router = APIRouter()


@router.get("/logs", **operators_or(CursorInvalid))
async def logs(filters: Annotated[LogFilters, Query()], stores: AskedStores, clock: Now) -> LogsOut:
    """Lists log records of all services, the newest first.

    They are from the log store. While that is away, they are the last ones of the process that answers, and
    the answer is marked `partial`.
    """
    place = filters.place(clock.now())
    sources = Sources()
    source, found = await find(stores, filters.query(place), sources)
    left = place.after(found)
    page = left[: filters.limit]
    following = place.following(page).text() if len(left) > len(page) else None
    shown = [LogOut.of(each) for each in page]
    return LogsOut(source=source, records=shown, next_cursor=following, **dict(sources.account()))
