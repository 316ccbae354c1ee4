"""The form in which the monitoring API shows log records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Self

from pydantic import BaseModel, Field

from app.infra.stores.logs import LogRecord

_SECOND: Final = 1_000_000_000


def nanoseconds(moment: datetime) -> int:
    """Returns a time as nanoseconds since the epoch."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * _SECOND + moment.microsecond * 1000


def rfc3339(time: int) -> str:
    """Returns nanoseconds since the epoch as text, in UTC and with nanoseconds."""
    seconds, rest = divmod(time, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class LoggedError(BaseModel):
    """The error that a record is about."""

    type: str = Field(examples=["ZeroDivisionError"])
    message: str = Field(examples=["division by zero"])
    stacktrace: str | None = Field(examples=["Traceback (most recent call last): …"])


class LogOut(BaseModel):
    """A log record."""

    time: str = Field(description="RFC 3339, nanoseconds.", examples=["2026-01-05T09:00:00.123456000Z"])
    level: str | None = Field(description="Null if it has no severity.", examples=["info"])
    event: str = Field(description="What happened.", examples=["enrolled"])
    service: str | None = Field(examples=["lms"])
    instance: str | None = Field(description="The process.", examples=["lms-1-0"])
    logger: str | None = Field(examples=["enrollments"])
    request_id: str | None = Field(examples=["req-7d1f0c"])
    trace_id: str | None = Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    span_id: str | None = Field(examples=["00f067aa0ba902b7"])
    user: str | None = Field(description="The user's id.", examples=["usr_3f1c9a0b2d4e5f607182"])
    route: str | None = Field(examples=["/api/v1/courses/{course_id}/enrollments"])
    error: LoggedError | None = Field(description="Null if it is about none.")
    fields: Mapping[str, str] = Field(
        description="Everything else, as text; dots in names are underscores.",
        examples=[{"course_id": "tracing-basics"}],
    )

    @classmethod
    def of(cls, record: LogRecord) -> Self:
        """Returns ``record`` as it is shown."""
        error = LoggedError(
            type=record.error_type, message=record.error_message, stacktrace=record.stacktrace or None
        )
        return cls(
            time=rfc3339(record.time),
            level=record.level,
            event=record.event,
            service=record.service or None,
            instance=record.instance or None,
            logger=record.logger or None,
            request_id=record.request_id or None,
            trace_id=record.trace_id or None,
            span_id=record.span_id or None,
            user=record.user or None,
            route=record.route or None,
            error=error if record.error_type or record.error_message else None,
            fields=record.fields,
        )
