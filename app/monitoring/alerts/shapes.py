"""How alerts are shown, and which ones to list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import Path
from pydantic import BaseModel, Field

from app.infra.stores.alertmanager import Alert, Silence
from app.infra.stores.prometheus import RuleAlert
from app.monitoring.alerts.life import answers
from app.monitoring.alerts.records import (
    AlertRecord,
    AlertState,
    Cause,
    CauseKind,
    Kind,
    Note,
    Source,
    Transition,
    fingerprint_of,
    is_test,
    milliseconds,
    record_id,
    shown,
)
from app.monitoring.partial import Partial

_ID: Final = r"^([0-9]{8}t[0-9]{9}-)?[0-9a-f]{16}$"
_EXAMPLE_ID: Final = "20260105t090000000-3f9ad2c4b1e05d6f"
_LABELS: Final = {"alertname": "LmsDown", "severity": "page"}

Fingerprint = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", max_length=16, examples=["3f9ad2c4b1e05d6f"])]
AlertId = Annotated[
    str,
    Path(
        pattern=_ID,
        max_length=35,
        description="Its `id`, or a fingerprint: the last time that it fired.",
        examples=[_EXAMPLE_ID],
    ),
]


class SilencedBy(BaseModel):
    """A silence that keeps an alert from people; all but its id is null if it could not be read."""

    id: str = Field(examples=["5dc5a9cc-6ef4-4ef2-b26b-8a0b5a5a8c9e"])
    created_by: str | None = Field(None, description="Who.", examples=["usr_3f1c9a0b2d4e5f607182"])
    comment: str | None = Field(None, description="Why.", examples=["I look at it."])
    ends_at: datetime | None = Field(None, examples=["2026-01-05T13:00:00Z"])


class TransitionOut(BaseModel):
    """A step of an alert's life."""

    kind: Kind
    at: datetime
    source: Source = Field(description="Whose clock the time is from.")
    reference: str | None = Field(
        description="A receiver, a silence's id, or the fingerprint of the alert that explains this one.",
        examples=["on-call"],
    )
    by: str | None = Field(description="Who silenced it.", examples=["usr_3f1c9a0b2d4e5f607182"])
    why: str | None = Field(description="With which comment.", examples=["I look at it."])
    until: datetime | None = Field(description="Until when, at first.")

    @classmethod
    def of(cls, step: Transition) -> Self:
        """Returns ``step`` as it is shown."""
        return cls.model_validate(step.model_dump())


class NoteOut(BaseModel):
    """What an admin wrote about an alert."""

    at: datetime
    by: str = Field(examples=["usr_3f1c9a0b2d4e5f607182"])
    text: str = Field(examples=["The database's disk was full."])

    @classmethod
    def of(cls, note: Note) -> Self:
        """Returns ``note`` as it is shown."""
        return cls.model_validate(note.model_dump())


class CauseOut(NoteOut):
    """Why it came to the incident."""

    kind: CauseKind

    @classmethod
    def of_cause(cls, cause: Cause | None) -> Self | None:
        """Returns ``cause`` as it is shown."""
        return None if cause is None else cls.model_validate(cause.model_dump())


class AlertOut(BaseModel):
    """An alert, with what is recorded of it."""

    id: str | None = Field(
        description="Of this time that it fired; null while pending.", examples=[_EXAMPLE_ID]
    )
    fingerprint: str = Field(description="The same each time.", examples=["3f9ad2c4b1e05d6f"])
    alertname: str = Field(examples=["LmsDown"])
    severity: str | None = Field(examples=["page"])
    state: AlertState
    summary: str | None = Field(examples=["Many requests fail"])
    description: str | None = Field(examples=["7 % of the requests of the last 5 minutes failed."])
    impact: str | None = Field(description="What learners notice.", examples=["Learners get errors."])
    runbook_url: str | None = Field(description="What to do.", examples=[None])
    dashboard_url: str | None = Field(description="Where to look.", examples=[None])
    started_at: datetime = Field(description="When it fired; while pending, since when its condition holds.")
    pending_at: datetime | None = Field(description="Since when its condition held.")
    notified_at: datetime | None = Field(description="When somebody was first notified.")
    acknowledged_at: datetime | None = Field(description="When somebody first silenced it after it fired.")
    resolved_at: datetime | None
    updated_at: datetime | None = Field(description="When Alertmanager last heard of it.")
    silenced_by: list[SilencedBy]
    inhibited_by: list[str] = Field(
        description="Fingerprints of the alerts that explain it.", examples=[["b1e05d6f3f9ad2c4"]]
    )
    labels: dict[str, str] = Field(examples=[_LABELS])
    test: bool = Field(description="Whether it was sent to try the channels.", examples=[False])
    transitions: list[TransitionOut] = Field(description="Its life, oldest step first.")
    omitted: int = Field(description="Steps that are left out of the middle of its life.", examples=[0])
    comments: list[NoteOut]
    cause: CauseOut | None


class AlertsOut(Partial):
    """A page of alerts: the most severe first and of those the newest; resolved ones by time alone."""

    alerts: list[AlertOut]
    next_cursor: str | None = Field(description="For the next page; null at the end.", examples=[None])


def _texts(annotations: Mapping[str, str]) -> dict[str, str | None]:
    names = ("summary", "description", "impact", "runbook_url", "dashboard_url")
    return {name: annotations.get(name) for name in names}


def of_record(record: AlertRecord) -> AlertOut:
    """Returns a record as it is shown."""
    begun = {each.reference: each for each in record.transitions if each.kind in _SILENCING}
    current = record.current(Kind.SILENCED) | record.current(Kind.ACKNOWLEDGED)
    silences = [begun[each] for each in sorted(current)] if record.is_open else []
    return AlertOut(
        id=record.id,
        fingerprint=record.fingerprint,
        alertname=record.alertname,
        severity=record.severity or None,
        state=record.state,
        **_texts(shown(record.annotations)),
        started_at=record.started_at,
        **_life(record),
        updated_at=None,
        silenced_by=[
            SilencedBy(id=str(each.reference), created_by=each.by, comment=each.why, ends_at=each.until)
            for each in silences
        ],
        inhibited_by=sorted(record.current(Kind.INHIBITED)) if record.is_open else [],
        labels=shown(record.labels),
        test=record.is_test,
    )


def _life(record: AlertRecord | None) -> dict[str, object]:
    if record is None:
        times = dict.fromkeys(("pending_at", "notified_at", "acknowledged_at", "resolved_at"))
        return {**times, "transitions": [], "omitted": 0, "comments": [], "cause": None}
    return {
        "pending_at": record.first(Kind.PENDING),
        "notified_at": record.notified_at,
        "acknowledged_at": record.acknowledged_at,
        "resolved_at": record.resolved_at,
        "transitions": [TransitionOut.of(each) for each in record.transitions],
        "omitted": record.omitted,
        "comments": [NoteOut.of(each) for each in record.comments],
        "cause": CauseOut.of_cause(record.cause),
    }


_SILENCING: Final = (Kind.SILENCED, Kind.ACKNOWLEDGED)


def of_alert(alert: Alert, silences: Mapping[str, Silence], record: AlertRecord | None) -> AlertOut:
    """Returns an alert that fires as it is shown: its state from Alertmanager, its life from its record."""
    life = _life(record)
    return AlertOut(
        id=record_id(alert.fingerprint, alert.starts_at),
        fingerprint=alert.fingerprint,
        alertname=alert.labels.get("alertname", ""),
        severity=alert.labels.get("severity"),
        state=state_of(alert, silences),
        **_texts(alert.annotations),
        started_at=milliseconds(alert.starts_at),
        **{**life, "resolved_at": None},
        updated_at=alert.updated_at,
        silenced_by=[_silenced_by(each, silences) for each in alert.status.silenced_by],
        inhibited_by=alert.status.inhibited_by,
        labels=alert.labels,
        test=is_test(alert.labels),
    )


def of_pending(alert: RuleAlert) -> AlertOut:
    """Returns an alert that Prometheus watches but does not send yet as it is shown."""
    life = _life(None) | {"pending_at": alert.active_at}
    return AlertOut(
        id=None,
        fingerprint=fingerprint_of(alert.labels),
        alertname=alert.labels.get("alertname", ""),
        severity=alert.labels.get("severity"),
        state=AlertState.PENDING,
        **_texts(alert.annotations),
        started_at=alert.active_at,
        **life,
        updated_at=None,
        silenced_by=[],
        inhibited_by=[],
        labels=alert.labels,
        test=is_test(alert.labels),
    )


def state_of(alert: Alert, silences: Mapping[str, Silence]) -> AlertState:
    """Returns the state of an alert that fires; a silence that is younger than it is an acknowledgement."""
    ours = alert.status.silenced_by
    known = [silences[each] for each in ours if each in silences]
    if any(answers(each, alert.fingerprint, alert.starts_at) for each in known):
        return AlertState.ACKNOWLEDGED
    if ours:
        return AlertState.SILENCED
    return AlertState.INHIBITED if alert.status.inhibited_by else AlertState.ACTIVE


def _silenced_by(silence_id: str, silences: Mapping[str, Silence]) -> SilencedBy:
    known = silences.get(silence_id)
    if known is None:
        return SilencedBy(id=silence_id)
    return SilencedBy(id=known.id, created_by=known.created_by, comment=known.comment, ends_at=known.ends_at)
