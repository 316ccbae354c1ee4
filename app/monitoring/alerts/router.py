"""The alerts that fire, and their acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Self

from fastapi import APIRouter, Path, Query, status
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from app.core.errors import Conflict, CursorInvalid, NotFound
from app.infra.stores import Alertmanager
from app.infra.stores.alertmanager import Alert, Matcher, Silence
from app.monitoring.asked import AskedStores
from app.monitoring.log_cursor import question_of
from app.monitoring.log_records import nanoseconds
from app.monitoring.operators import admins_or, operators_or
from app.monitoring.pages import LONGEST_CURSOR, page
from app.monitoring.partial import Partial, Sources
from app.monitoring.silences import (
    CHANGES,
    Comment,
    InOnesName,
    SilenceDuration,
    SilenceOut,
    SilenceRefused,
    WatchdogKept,
)

MAX_LIMIT: Final = 200
_LAST: Final = 2**63
# The most severe first; an unknown severity comes last.
_SEVERITIES: Final = ("page", "warning", "info", "none")


class AlertNotFound(NotFound):
    """No alert with this fingerprint fires."""

    code = "alert_not_found"
    title = "Alert not found"
    sentence = "No alert with the fingerprint {fingerprint} fires; it may be resolved."
    example: ClassVar[Mapping[str, Any]] = {"fingerprint": "3f9ad2c4b1e05d6f"}


class AlertAcknowledged(Conflict):
    """The alert is already silenced."""

    code = "alert_already_acknowledged"
    title = "Alert already acknowledged"
    sentence = "The alert is already silenced ({silence}); end that silence first, or let it expire."
    example: ClassVar[Mapping[str, Any]] = {"silence": "5dc5a9cc-6ef4-4ef2-b26b-8a0b5a5a8c9e"}


class AlertState(StrEnum):
    """Whether an alert reaches people."""

    ACTIVE = "active"
    SILENCED = "silenced"
    INHIBITED = "inhibited"


def _no_history(value: object) -> object:
    if value == "resolved":
        raise ValueError("resolved alerts are not recorded yet: use active, silenced or inhibited")
    return value


Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Fingerprint = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", max_length=16, examples=["3f9ad2c4b1e05d6f"])]


class SilencedBy(BaseModel):
    """A silence that keeps an alert from people; all but its id is null if it could not be read."""

    id: str = Field(examples=["5dc5a9cc-6ef4-4ef2-b26b-8a0b5a5a8c9e"])
    created_by: str | None = Field(None, description="Who.", examples=["usr_3f1c9a0b2d4e5f607182"])
    comment: str | None = Field(None, description="Why.", examples=["I look at it."])
    ends_at: datetime | None = Field(None, examples=["2026-01-05T13:00:00Z"])


class AlertOut(BaseModel):
    """An alert that fires."""

    fingerprint: str = Field(examples=["3f9ad2c4b1e05d6f"])
    alertname: str = Field(examples=["LmsDown"])
    severity: str | None = Field(examples=["page"])
    state: AlertState
    summary: str | None = Field(examples=["Many requests fail"])
    description: str | None = Field(examples=["7 % of the requests of the last 5 minutes failed."])
    runbook_url: str | None = Field(description="What to do.", examples=[None])
    started_at: datetime
    updated_at: datetime
    silenced_by: list[SilencedBy]
    inhibited_by: list[str] = Field(
        description="Fingerprints of the alerts that explain it.", examples=[["b1e05d6f3f9ad2c4"]]
    )
    labels: dict[str, str] = Field(examples=[{"alertname": "LmsDown", "severity": "page"}])

    @classmethod
    def of(cls, alert: Alert, silences: Mapping[str, Silence]) -> Self:
        """Returns ``alert`` as it is shown."""
        notes = alert.annotations
        return cls(
            fingerprint=alert.fingerprint,
            alertname=alert.labels.get("alertname", ""),
            severity=alert.labels.get("severity"),
            state=state_of(alert),
            summary=notes.get("summary"),
            description=notes.get("description"),
            runbook_url=notes.get("runbook_url"),
            started_at=alert.starts_at,
            updated_at=alert.updated_at,
            silenced_by=[_silenced_by(each, silences) for each in alert.status.silenced_by],
            inhibited_by=alert.status.inhibited_by,
            labels=alert.labels,
        )


class AlertsOut(Partial):
    """A page of alerts: the most severe first, of those the newest."""

    alerts: list[AlertOut]
    next_cursor: str | None = Field(description="For the next page; null at the end.", examples=[None])


class AlertFilters(BaseModel):
    """Which alerts to list; every filter that is given must fit."""

    severity: Word | None = Field(None, examples=["page"])
    alertname: Word | None = Field(None, examples=["LmsDown"])
    state: Annotated[AlertState, BeforeValidator(_no_history)] | None = Field(
        None, description="Default: all that fire. There is no history of resolved alerts yet."
    )
    cursor: Annotated[str, StringConstraints(max_length=LONGEST_CURSOR)] | None = Field(
        None,
        description="`next_cursor` of the previous page, with the same filters.",
        examples=["WyI1ZjJjIiwiMCIsIjA3NDI3NTc3IiwiM2Y5YWQyYzRiMWUwNWQ2ZiJd"],
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Alerts per page.")

    def fits(self, alert: Alert) -> bool:
        """Tells whether the alert is one of those."""
        return (
            self.severity in {None, alert.labels.get("severity")}
            and self.alertname in {None, alert.labels.get("alertname")}
            and self.state in {None, state_of(alert)}
        )


class Acknowledgement(BaseModel):
    """Somebody looks at an alert; until it expires, the alert reaches nobody else."""

    comment: Comment = Field(description="What you do about it.", examples=["I look at it."])
    duration: SilenceDuration = Field(
        "4h", description="How long, at most 30d.", examples=["4h"], validate_default=True
    )


def state_of(alert: Alert) -> AlertState:
    """Returns whether the alert reaches people; a silence counts more than another alert."""
    if alert.status.silenced_by:
        return AlertState.SILENCED
    return AlertState.INHIBITED if alert.status.inhibited_by else AlertState.ACTIVE


def _silenced_by(silence_id: str, silences: Mapping[str, Silence]) -> SilencedBy:
    known = silences.get(silence_id)
    if known is None:
        return SilencedBy(id=silence_id)
    return SilencedBy(id=known.id, created_by=known.created_by, comment=known.comment, ends_at=known.ends_at)


def _key(alert: Alert) -> tuple[str, str, str]:
    severity = alert.labels.get("severity", "")
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return str(rank), f"{_LAST - nanoseconds(alert.starts_at):020d}", alert.fingerprint


async def _asked(
    alertmanager: Alertmanager | None, sources: Sources
) -> tuple[Sequence[Alert], Sequence[Silence]]:
    if alertmanager is None:
        sources.not_configured("alertmanager")
        return (), ()
    return await asyncio.gather(
        sources.ask(alertmanager.alerts(), ()), sources.ask(alertmanager.silences(), ())
    )


router = APIRouter(prefix="/alerts")


@router.get("", **operators_or(CursorInvalid))
async def alerts(filters: Annotated[AlertFilters, Query()], stores: AskedStores) -> AlertsOut:
    """Lists the alerts that fire, from Alertmanager: silenced and inhibited ones too."""
    sources = Sources()
    found, silences = await _asked(stores.alertmanager, sources)
    by_id = {each.id: each for each in silences}
    question = question_of([filters.severity, filters.alertname, filters.state])
    listed = page(filter(filters.fits, found), _key, question, filters.cursor, filters.limit)
    shown = [AlertOut.of(each, by_id) for each in listed.items]
    return AlertsOut(alerts=shown, next_cursor=listed.next_cursor, **dict(sources.account()))


@router.post(
    "/{fingerprint}/acknowledge",
    status_code=status.HTTP_201_CREATED,
    **admins_or(*CHANGES, SilenceRefused, WatchdogKept, AlertNotFound, AlertAcknowledged),
)
async def acknowledge(fingerprint: Fingerprint, wanted: Acknowledgement, silencer: InOnesName) -> SilenceOut:
    """Acknowledges an alert: a silence with all its labels keeps it from everybody else for a time."""
    async with silencer.audited("alert_acknowledged", fingerprint, wanted.comment, wanted.duration):
        alert = await _open_alert(silencer.alertmanager, fingerprint)
        matchers = [Matcher(name=name, value=value) for name, value in sorted(alert.labels.items())]
        return await silencer.create(matchers, wanted.comment, wanted.duration)


async def _open_alert(alertmanager: Alertmanager, fingerprint: str) -> Alert:
    """Returns the alert of this fingerprint.

    Raises:
        AlertNotFound: It does not fire.
        AlertAcknowledged: It is silenced.
    """
    found = next((each for each in await alertmanager.alerts() if each.fingerprint == fingerprint), None)
    if found is None:
        raise AlertNotFound(fingerprint=fingerprint)
    if found.status.silenced_by:
        raise AlertAcknowledged(silence=found.status.silenced_by[0])
    return found
