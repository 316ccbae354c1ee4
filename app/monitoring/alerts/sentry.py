"""Tells Sentry of alerts: one event for each step that somebody was notified of, all of one issue per alert.

Alertmanager has no receiver for Sentry. Nothing happens unless ``SENTRY_DSN`` is set, because the SDK then
has no client. Its own thread sends, and every text passes the telemetry's redaction (``before_send``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sentry_sdk

from app.monitoring.alerts.records import AlertRecord, Kind, Transition, shown
from otel import get_logger

if TYPE_CHECKING:
    from sentry_sdk.types import Event

_LEVELS: Final = {"page": "fatal", "warning": "warning", "info": "info"}
_LONGEST_TAG: Final = 200
_MOST_REMEMBERED: Final = 10_000
_LONGEST_TEXT: Final = 1024
_DETAILS: Final = ("description", "impact", "runbook_url", "dashboard_url", "logs_url", "traces_url")
_SAID: Final = {Kind.NOTIFIED: "fires", Kind.ESCALATED: "was escalated", Kind.RESOLUTION_SENT: "is resolved"}
_log = get_logger(service="alerts")


class Sentry:
    """Remembers what this process has sent, because an alert may be sent before it can be stored."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, Kind, str | None], None] = {}

    def tell(self, record: AlertRecord, step: Transition) -> None:
        """Sends the step as an event, once, if it is one that Sentry is told of. Never raises."""
        if step.kind not in _SAID or not sentry_sdk.is_initialized():
            return
        if step.kind is not Kind.ESCALATED and step.key != _first(record, step.kind):
            return  # further receivers of the same thing
        if not self._is_new(record.id, step):
            return
        try:
            sentry_sdk.capture_event(_event(record, step))
        except Exception:  # noqa: BLE001 - a broken report must not lose the alert's history
            _log.warning("alert_not_reported", exc_info=True)

    def _is_new(self, alert_id: str, step: Transition) -> bool:
        sent = (alert_id, step.kind, step.reference if step.kind is Kind.ESCALATED else None)
        if sent in self._sent:
            return False
        self._sent[sent] = None
        if len(self._sent) > _MOST_REMEMBERED:
            del self._sent[next(iter(self._sent))]
        return True


def _first(record: AlertRecord, kind: Kind) -> tuple[Kind, str | None] | None:
    return next((each.key for each in record.transitions if each.kind is kind), None)


def _event(record: AlertRecord, step: Transition) -> Event:
    annotations = shown(record.annotations)
    is_over = step.kind is Kind.RESOLUTION_SENT
    summary = annotations.get("summary", "")[:_LONGEST_TEXT]
    tags = {
        "alertname": record.alertname,
        "severity": record.severity,
        "service": record.service_name,
        "owner": record.owner,
        "receiver": step.reference or "",
        "alert.state": _SAID[step.kind],
        "test": "true" if record.is_test else "",
    }
    texts = {name: annotations.get(name, "")[:_LONGEST_TEXT] for name in _DETAILS}
    details: dict[str, object] = {name: text for name, text in texts.items() if text}
    times = {"started_at": record.started_at, "resolved_at": record.resolved_at}
    return {
        "level": "info" if is_over else _LEVELS.get(record.severity, "warning"),  # type: ignore[typeddict-item]  # values of the table
        "logger": "alerts",
        "timestamp": step.at,
        "logentry": {"formatted": f"{record.alertname} {_SAID[step.kind]}: {summary}"},
        "fingerprint": [record.alertname, record.fingerprint],
        "tags": {name: value[:_LONGEST_TAG] for name, value in tags.items() if value},
        "contexts": {
            "alert": details
            | {name: value.isoformat() for name, value in times.items() if value}
            | {"id": record.id}
        },
    }
