"""Makes each step of an alert's life known once: a log event, metrics, and Sentry."""

from __future__ import annotations

from typing import Final

from app.core.telemetry import (
    ALERT_FLAPS,
    ALERT_TIME_TO_ACKNOWLEDGE,
    ALERT_TIME_TO_NOTIFY,
    ALERT_TIME_TO_RESOLVE,
    ALERT_TRANSITIONS,
    ALERTS_UNATTENDED,
)
from app.monitoring.alerts import life, sentry
from app.monitoring.alerts.records import AlertRecord, Kind, Transition
from otel import get_logger

_FLAT: Final = ("", None)
_log = get_logger(service="alerts")


def announce(before: AlertRecord | None, after: AlertRecord) -> None:
    """Announces what ``after`` has and ``before`` had not.

    To be called by the process that stored the change, so that each step is announced once by all of them.
    Alerts that were sent to try the channels are logged and reported, but not counted.
    """
    for step in life.new_steps(before, after):
        _log_step(after, step)
        sentry.tell(after, step)
        if not after.is_test:
            ALERT_TRANSITIONS.add(1, {"kind": step.kind.value, "severity": after.severity})
    if not after.is_test:
        _measure(before, after)


def _log_step(record: AlertRecord, step: Transition) -> None:
    facts = {
        "alert_id": record.id,
        "alertname": record.alertname,
        "severity": record.severity,
        "alert_service": record.service_name,
        "at": step.at.isoformat(),
        "reference": step.reference,
        "by": step.by,
        "why": step.why,
        "test": "true" if record.is_test else None,
    }
    write = _log.warning if record.severity == "page" and step.kind is Kind.FIRING else _log.info
    write(f"alert_{step.kind}", **{name: value for name, value in facts.items() if value not in _FLAT})


def _measure(before: AlertRecord | None, after: AlertRecord) -> None:
    severity = {"severity": after.severity}
    for metric, name in (
        (ALERT_TIME_TO_NOTIFY, "notified_at"),
        (ALERT_TIME_TO_ACKNOWLEDGE, "acknowledged_at"),
        (ALERT_TIME_TO_RESOLVE, "resolved_at"),
    ):
        moment = getattr(after, name)
        if moment is not None and (before is None or getattr(before, name) is None):
            # Clocks differ: nobody was notified before the alert fired.
            metric.record(max((moment - after.started_at).total_seconds(), 0), severity)
    if before is None and after.flapping:
        ALERT_FLAPS.add(1, severity)
    ended = not after.is_open and (before is None or before.is_open)
    if ended and after.notified_at and not after.acknowledged_at and not after.comments:
        ALERTS_UNATTENDED.add(1, severity)
