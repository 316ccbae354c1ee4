"""Alerts that fire in a real Alertmanager, and how the API lists them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from tests.app.infra.stores.conftest import PASSWORD
from tests.app.monitoring.asked.conftest import TOKEN
from tests.app.people import Api
from tests.programs import wait_until

AUTH = (logins.USER, PASSWORD)
WATCHDOG = {
    "alertname": "Watchdog",
    "severity": "none",
    "service_name": "alerting",
    "owner": "telemetry",
}
"""The labels that our own rules give it."""
MATCHERS = [{"name": "job", "value": "lms"}]


def fire(url: str, *labels: dict[str, str]) -> None:
    """Lets alerts fire, and waits until Alertmanager has them."""
    now = datetime.now(UTC)
    body = [
        {
            "labels": each,
            "annotations": {"summary": f"about {each['alertname']}", "runbook_url": "http://runbook.example"},
            "startsAt": (now - timedelta(minutes=5)).isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
        }
        for each in labels
    ]
    with httpx.Client(base_url=url, auth=AUTH, verify=NO_CERTIFICATES, timeout=20) as client:
        client.post("/api/v2/alerts", json=body).raise_for_status()
        names = {each["alertname"] for each in labels}

        def fires() -> bool:
            found = client.get("/api/v2/alerts").json()
            states = {each["labels"]["alertname"]: each["status"]["state"] for each in found}
            return names <= states.keys() and "unprocessed" not in {states[name] for name in names}

        wait_until(fires, "the alerts fire")


def silence_elsewhere(url: str, matcher: dict[str, Any]) -> str:
    """Creates a silence as Alertmanager's own page does, and returns its id."""
    now = datetime.now(UTC)
    body = {
        "matchers": [{"isRegex": False, "isEqual": True, **matcher}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "on-call",
        "comment": "",
    }
    with httpx.Client(base_url=url, auth=AUTH, verify=NO_CERTIFICATES, timeout=20) as client:
        answer = client.post("/api/v2/silences", json=body).raise_for_status()
    return str(answer.json()["silenceID"])


def named() -> str:
    return f"Alert{secrets.token_hex(6)}"


async def listed(api: Api, **filters: object) -> dict[str, Any]:
    answer = await api.client.get(
        "/monitoring/alerts", params={name: str(value) for name, value in filters.items()}, headers=TOKEN
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def one(api: Api, name: str) -> dict[str, Any]:
    [alert] = (await listed(api, alertname=name))["alerts"]
    found: dict[str, Any] = alert
    return found
