"""Ends acknowledgements whose alert is over.

Alertmanager keeps an alert's end from everybody while a silence fits it. Prometheus sends the end again once
a minute for a quarter of an hour, so it reaches them as soon as the silence is gone; and when the alert fires
again, somebody is notified again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.infra.stores import Alertmanager, StoreUnavailable
from app.infra.stores.alertmanager import Alert, Silence, SilenceState
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.records import AlertRecord, Kind, fingerprint_of
from otel import get_logger

_log = get_logger(service="alerts")


async def end_acknowledgements(
    history: AlertHistory, alertmanager: Alertmanager, alerts: Sequence[Alert], silences: Sequence[Silence]
) -> None:
    """Ends each silence that answered one alert, if that alert is resolved; others are their author's.

    Args:
        history: knows which silence answered which alert.
        alertmanager: where the silences are.
        alerts: those that fire.
        silences: all that Alertmanager has.

    Raises:
        DatabaseUnavailable: The history cannot be asked.
    """
    firing = {each.fingerprint for each in alerts}
    for silence in silences:
        labels = _labels(silence)
        if not labels or fingerprint_of(labels) in firing:
            continue
        latest = await history.repository.of(fingerprint_of(labels), 1)
        if latest and _is_over(latest[0], silence):
            await _end(alertmanager, silence, latest[0])


def _labels(silence: Silence) -> Mapping[str, str]:
    """Returns the labels of the one alert that an active silence is about; empty for any other silence."""
    exact = all(each.is_equal and not each.is_regex for each in silence.matchers)
    if silence.status.state is not SilenceState.ACTIVE or not exact:
        return {}
    return {each.name: each.value for each in silence.matchers}


def _is_over(record: AlertRecord, silence: Silence) -> bool:
    answers = {each.reference for each in record.transitions if each.kind is Kind.ACKNOWLEDGED}
    return not record.is_open and silence.id in answers


async def _end(alertmanager: Alertmanager, silence: Silence, record: AlertRecord) -> None:
    try:
        await alertmanager.expire(UUID(silence.id))
    except StoreUnavailable as error:
        _log.info("acknowledgement_not_ended", alert_id=record.id, silence=silence.id, reason=error.reason)
        return
    _log.info("acknowledgement_ended", alert_id=record.id, alertname=record.alertname, silence=silence.id)
