"""Acknowledges an alert: a silence with all its labels keeps it from everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Final

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from app.core.errors import Conflict, DatabaseUnavailable, NotFound
from app.infra.stores import Alertmanager
from app.infra.stores.alertmanager import Alert, Matcher, NewSilence, Silence, SilenceStatus
from app.monitoring.alerts import life
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.seen import firing_of
from app.monitoring.alerts.shapes import Fingerprint
from app.monitoring.alerts.webhook import History
from app.monitoring.operators import admins_or
from app.monitoring.silences import (
    CHANGES,
    Comment,
    InOnesName,
    SilenceDuration,
    SilenceOut,
    SilenceRefused,
    WatchdogKept,
)


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


class Acknowledgement(BaseModel):
    """Somebody looks at an alert; until it expires, the alert reaches nobody else."""

    comment: Comment = Field(description="What you do about it.", examples=["I look at it."])
    duration: SilenceDuration = Field(
        "4h", description="How long, at most 30d.", examples=["4h"], validate_default=True
    )


router = APIRouter()


@router.post(
    "/{fingerprint}/acknowledge",
    status_code=status.HTTP_201_CREATED,
    **admins_or(*CHANGES, SilenceRefused, WatchdogKept, AlertNotFound, AlertAcknowledged),
)
async def acknowledge(
    fingerprint: Fingerprint, wanted: Acknowledgement, silencer: InOnesName, history: History
) -> SilenceOut:
    """Acknowledges an alert: a silence with all its labels keeps it from everybody else for a time."""
    async with silencer.audited("alert_acknowledged", fingerprint, wanted.comment, wanted.duration):
        alert = await _open_alert(silencer.alertmanager, fingerprint)
        matchers = [Matcher(name=name, value=value) for name, value in sorted(alert.labels.items())]
        silence = await silencer.create(matchers, wanted.comment, wanted.duration)
        await _recorded(history, alert, silence)
        return silence


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


async def _recorded(history: AlertHistory, alert: Alert, created: SilenceOut) -> None:
    """Records it at once; without the database the next comparison with Alertmanager does."""
    facts = created.model_dump(include=_FACTS)
    silence = Silence(**facts, status=SilenceStatus(state=created.state), updated_at=created.starts_at)
    with suppress(DatabaseUnavailable):
        await history.apply(firing_of(alert), lambda record: life.silenced(record, [silence]))


_FACTS: Final = {"id", *NewSilence.model_fields}
