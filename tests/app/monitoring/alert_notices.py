"""What Alertmanager posts, made by hand where the real one cannot be made to post it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from app.monitoring.alerts.records import fingerprint_of
from tests.app.people import Api

ALERTS_TOKEN: Final = {"Authorization": "Bearer alerts-token-of-the-tests"}
METRICS_TOKEN: Final = {"Authorization": "Bearer metrics-token-of-the-tests"}
WEBHOOK: Final = "/monitoring/alerts/webhook"
NEVER: Final = "0001-01-01T00:00:00Z"
START: Final = datetime(2026, 1, 5, 8, 59, 30, 411_000, tzinfo=UTC)
"""Before the tests' clock."""


def alert(
    labels: Mapping[str, str], *, began: datetime = START, ended: datetime | None = None
) -> dict[str, Any]:
    """Returns an alert as Alertmanager's webhook has it."""
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": dict(labels),
        "annotations": {"summary": f"about {labels['alertname']}", "runbook_url": "http://runbook.example"},
        "startsAt": began.isoformat(),
        "endsAt": NEVER if ended is None else ended.isoformat(),
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": fingerprint_of(labels),
    }


def body(*alerts: dict[str, Any], receiver: str = "on-call", **others: object) -> dict[str, Any]:
    """Returns a whole notification."""
    status = "firing" if any(each["status"] == "firing" for each in alerts) else "resolved"
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": list(alerts),
        **others,
    }


async def post(api: Api, what: object) -> httpx.Response:
    """Posts a notification as Alertmanager does."""
    return await api.client.post(WEBHOOK, json=what, headers=ALERTS_TOKEN)


async def history(api: Api, **filters: str) -> list[dict[str, Any]]:
    """Returns the alerts that have ended."""
    answer = await api.client.get(
        "/monitoring/alerts", params={"state": "resolved", **filters}, headers=METRICS_TOKEN
    )
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["alerts"]
    return found


async def shown(api: Api, alert_id: str) -> dict[str, Any]:
    """Returns one alert."""
    answer = await api.client.get(f"/monitoring/alerts/{alert_id}", headers=METRICS_TOKEN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kinds(found: Mapping[str, Any]) -> list[str]:
    """Returns the steps of an alert's life."""
    return [each["kind"] for each in found["transitions"]]


def later(seconds: float) -> datetime:
    """Returns a moment after the alert began."""
    return START + timedelta(seconds=seconds)
