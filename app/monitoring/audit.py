"""Lists what admins did."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.core.errors import CursorInvalid, FieldError, Invalid
from app.http.audit import Audit
from app.http.pagination import DEFAULT_LIMIT, MAX_LIMIT, cursor_refusal, decode_cursor, encode_cursor
from app.infra.audit import ENTRY_ID, AuditEntry, AuditLog, AuditQuery
from app.monitoring.operators import admins_or

__all__ = ["Audit", "router"]

Moment = Annotated[AwareDatetime, Field(json_schema_extra={"maxLength": 40})]
EXAMPLE_CURSOR: Final = encode_cursor("20261127t160509123-0001-3f9ad2c4")


class AuditFilter(BaseModel):
    """Which entries to list, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    actor: str | None = Field(
        default=None, max_length=100, description="Who.", examples=["usr_3f9ad2c4b1e05d6f7a88"]
    )
    action: str | None = Field(
        default=None, max_length=100, description="What.", examples=["log_level_changed"]
    )
    target: str | None = Field(default=None, max_length=300, description="To what.", examples=["enrollments"])
    begin: Moment | None = Field(
        default=None,
        alias="from",
        description="Not before this moment, which needs a time zone.",
        examples=["2026-11-27T00:00:00Z"],
    )
    end: Moment | None = Field(
        default=None,
        alias="to",
        description="Before this moment.",
        examples=["2026-11-28T00:00:00Z"],
    )
    cursor: str | None = Field(
        default=None,
        max_length=200,
        description="`next_cursor` of the previous page.",
        examples=[EXAMPLE_CURSOR],
    )
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Items per page.")

    def query(self) -> AuditQuery:
        """Returns what to search for.

        Raises:
            Invalid: The range ends before it begins.
            CursorInvalid: The cursor is not of this list.
        """
        if self.begin is not None and self.end is not None and self.begin >= self.end:
            mistake = FieldError("query.to", "Must be later than `from`", "range_backwards")
            raise Invalid(count=1, errors=(mistake,))
        equal = self.model_dump(include={"actor", "action", "target"}, exclude_none=True)
        return AuditQuery(equal, self.begin, self.end, _before(self.cursor))


def _before(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    entry_id = decode_cursor(cursor)
    if not ENTRY_ID.fullmatch(entry_id):
        raise cursor_refusal()
    return entry_id


class AuditEntryOut(BaseModel):
    """One thing that an admin did."""

    id: str = Field(examples=["20261127t160509123-0001-3f9ad2c4"])
    at: datetime
    action: str = Field(examples=["log_level_changed"])
    actor: str = Field(
        description="A user's id, or `metrics-token` for its holder.", examples=["usr_3f9ad2c4b1e05d6f7a88"]
    )
    address: str = Field(description="The network address; of IPv6 the /64.", examples=["192.0.2.7"])
    target: str = Field(examples=["enrollments"])
    details: dict[str, str] = Field(examples=[{"level": "debug", "seconds": "900"}])

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Returns ``entry`` as it is shown."""
        return cls.model_validate(entry.model_dump())


class AuditPage(BaseModel):
    """A page of the audit log, newest first."""

    items: list[AuditEntryOut]
    next_cursor: str | None = Field(description="Null on the last page.", examples=[EXAMPLE_CURSOR])


def _log_of(request: Request) -> AuditLog:
    found: AuditLog = request.app.state.resources.audit
    return found


router = APIRouter(prefix="/audit")


@router.get("", **admins_or(CursorInvalid))
async def entries(
    wanted: Annotated[AuditFilter, Query()], log: Annotated[AuditLog, Depends(_log_of)]
) -> AuditPage:
    """Lists what admins did, newest first: who, what, when and from where."""
    found = await log.find(wanted.query(), wanted.limit + 1)
    page, more = found[: wanted.limit], len(found) > wanted.limit
    items = [AuditEntryOut.of(entry) for entry in page]
    return AuditPage(items=items, next_cursor=encode_cursor(page[-1].id) if more else None)
