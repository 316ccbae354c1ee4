"""What admins write about an alert: comments, and the cause of the incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, status
from pydantic import BaseModel, Field, StringConstraints

from app.core.errors import Conflict, DatabaseUnavailable
from app.http.audit import Audit
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.listing import AlertUnknown, recorded
from app.monitoring.alerts.records import MOST_COMMENTS, AlertRecord, Cause, CauseKind, Note
from app.monitoring.alerts.shapes import AlertId, AlertOut, of_record
from app.monitoring.alerts.webhook import History
from app.monitoring.operators import NamedAdmin, admins_or

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class TooManyComments(Conflict):
    """The alert has as many comments as one may have."""

    code = "too_many_comments"
    title = "Too many comments"
    sentence = "The alert has {most} comments already; write further ones into the incident's review."
    example: ClassVar[Mapping[str, Any]] = {"most": MOST_COMMENTS}


class CommentIn(BaseModel):
    """A comment on an alert."""

    text: Text = Field(description="At most 2,000 characters.", examples=["The database's disk was full."])


class CauseIn(BaseModel):
    """Why it came to the incident; a second one replaces the first."""

    kind: CauseKind = Field(description="What kind of thing it was; `false_alarm`: there was no incident.")
    text: Text = Field(description="At most 2,000 characters.", examples=["A deploy without an index."])


router = APIRouter()


@router.post(
    "/{alert_id}/comments",
    status_code=status.HTTP_201_CREATED,
    **admins_or(AlertUnknown, TooManyComments, DatabaseUnavailable),
)
async def comment(
    alert_id: AlertId, wanted: CommentIn, admin: NamedAdmin, audit: Audit, history: History
) -> AlertOut:
    """Adds a comment to an alert, whether it fires or is resolved."""
    note = Note(at=history.clock.now(), by=admin.id, text=wanted.text)
    async with audit.attempt("alert_commented", alert_id):
        return await _amended(history, alert_id, {"comments": (note,)})


@router.put("/{alert_id}/cause", **admins_or(AlertUnknown, DatabaseUnavailable))
async def cause(
    alert_id: AlertId, wanted: CauseIn, admin: NamedAdmin, audit: Audit, history: History
) -> AlertOut:
    """Records why it came to the incident."""
    found = Cause(at=history.clock.now(), by=admin.id, kind=wanted.kind, text=wanted.text)
    async with audit.attempt("alert_cause_recorded", alert_id, kind=wanted.kind):
        return await _amended(history, alert_id, {"cause": found})


async def _amended(history: AlertHistory, alert_id: str, added: Mapping[str, Any]) -> AlertOut:
    record = await recorded(history, alert_id)
    amended = await history.amend(record.id, lambda each: _with(each, added))
    if amended is None:  # it expired in this moment
        raise AlertUnknown(alert=alert_id)
    return of_record(amended)


def _with(record: AlertRecord, added: Mapping[str, Any]) -> AlertRecord:
    comments = record.comments + added.get("comments", ())
    if len(comments) > MOST_COMMENTS:
        raise TooManyComments(most=MOST_COMMENTS)
    return record.model_copy(update={**added, "comments": comments})
