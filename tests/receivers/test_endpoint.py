"""A receiver fails as a test scripted it, counts each attempt, and keeps only what is right."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.receivers.endpoint import HANG, RATE_LIMITED, Fault
from tests.receivers.sentry import ENVELOPE, KEY, Sentry
from tests.receivers.webhook import Webhook

TOKEN = "planted-token"
ALERT = {
    "status": "firing",
    "labels": {"alertname": "LmsDown", "severity": "page"},
    "annotations": {"summary": "It is down"},
    "startsAt": "2026-11-27T22:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://127.0.0.1:9090/graph",
    "fingerprint": "0123456789abcdef",
}
NOTIFICATION: dict[str, Any] = {
    "version": "4",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "on-call",
    "groupLabels": {},
    "commonLabels": {"severity": "page"},
    "commonAnnotations": {},
    "externalURL": "http://127.0.0.1:9093",
    "alerts": [ALERT],
}
EVENT = {"event_id": "0" * 32, "level": "error", "message": "LmsDown", "tags": {"severity": "page"}}


def _post(webhook: Webhook, body: object = NOTIFICATION, token: str = TOKEN) -> httpx.Response:
    return httpx.post(f"{webhook.url}/alerts", json=body, headers={"Authorization": f"Bearer {token}"})


def test_a_notification_is_kept() -> None:
    with Webhook(TOKEN) as webhook:
        assert _post(webhook).status_code == 200
    [alert] = webhook.alerts("LmsDown")
    assert (alert.status, webhook.notifications[0].receiver) == ("firing", "on-call")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": "3"}, "version"),
        ({"alerts": []}, "alerts"),
        ({"status": "resolved"}, "its alerts are not"),
        ({"commonLabels": {"severity": "warning"}}, "not common"),
        ({"alerts": [{**ALERT, "fingerprint": "x"}]}, "fingerprint"),
        ({"alerts": [{**ALERT, "labels": {"severity": "page"}}]}, "no name"),
        ({"alerts": [{**ALERT, "status": "resolved"}], "status": "resolved"}, "ended before"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_no_notification_is_refused(change: dict[str, Any], named: str) -> None:
    with Webhook() as webhook:
        assert _post(webhook, {**NOTIFICATION, **change}).status_code == 400
    assert named in webhook.refused[0]
    assert webhook.notifications == []


def test_a_wrong_token_is_refused() -> None:
    with Webhook(TOKEN) as webhook:
        assert _post(webhook, token="other").status_code == 401
    assert (len(webhook.attempts), webhook.notifications) == (1, [])


def test_faults_come_in_their_order_and_each_attempt_is_counted() -> None:
    with Webhook(TOKEN) as webhook:
        webhook.fail(RATE_LIMITED, Fault(500))
        limited = _post(webhook)
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
        assert [_post(webhook).status_code for _ in range(2)] == [500, 200]
        webhook.break_down(Fault(401))
        assert [_post(webhook).status_code for _ in range(2)] == [401, 401]
        webhook.mend()
        assert _post(webhook).status_code == 200
    assert (len(webhook.attempts), len(webhook.accepted)) == (6, 2)


def test_a_request_hangs_until_the_service_is_mended() -> None:
    with Webhook(TOKEN) as webhook, ThreadPoolExecutor() as pool:
        webhook.break_down(HANG)
        hanging = pool.submit(_post, webhook)
        webhook.wait_for_attempts(1)
        assert not hanging.done()
        webhook.mend()
        with pytest.raises(httpx.RemoteProtocolError):
            hanging.result()
        assert _post(webhook).status_code == 200


def test_a_stopped_service_refuses_connections_and_keeps_its_port() -> None:
    webhook = Webhook(TOKEN)
    with pytest.raises(httpx.ConnectError):
        _post(webhook)
    webhook.start()
    assert _post(webhook).status_code == 200
    webhook.stop()
    with pytest.raises(httpx.ConnectError):
        _post(webhook)
    with webhook:
        assert _post(webhook).status_code == 200
    assert len(webhook.notifications) == 2


def _envelope(*items: tuple[str, dict[str, Any]]) -> bytes:
    lines = [b"{}"]
    for kind, payload in items:
        content = json.dumps(payload).encode()
        lines += [json.dumps({"type": kind, "length": len(content)}).encode(), content]
    return b"\n".join(lines)


def _send(sentry: Sentry, body: bytes, key: str = KEY) -> int:
    headers = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={key}", "Content-Encoding": "gzip"}
    return httpx.post(f"{sentry.url}{ENVELOPE}", content=gzip.compress(body), headers=headers).status_code


def test_sentry_keeps_the_events_of_an_envelope() -> None:
    with Sentry() as sentry:
        assert _send(sentry, _envelope(("client_report", {}), ("event", EVENT))) == 200
    assert sentry.events == [EVENT]


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": "5"},
        {"level": "page"},
        {"tags": {"name": "x" * 201}},
        {"tags": {"name": 5}},
        {"fingerprint": [1]},
    ],
)
def test_sentry_refuses_an_event_that_it_would_discard(change: dict[str, Any]) -> None:
    with Sentry() as sentry:
        assert _send(sentry, _envelope(("event", {**EVENT, **change}))) == 400
    assert (sentry.events, len(sentry.refused)) == ([], 1)


def test_sentry_refuses_a_wrong_key_and_half_an_envelope() -> None:
    with Sentry() as sentry:
        assert _send(sentry, _envelope(("event", EVENT)), "other") == 403
        assert _send(sentry, b"{}\n{") == 400
        assert httpx.post(f"{sentry.url}/api/8/envelope/").status_code == 404
    assert (sentry.events, len(sentry.refused)) == ([], 3)


def test_a_monitor_checks_in() -> None:
    with Sentry() as sentry:
        assert httpx.post(sentry.cron_url("watchdog"), json=NOTIFICATION).status_code == 202
        assert httpx.get(sentry.cron_url("watchdog").replace("=ok", "=fine")).status_code == 400
    assert [(each.monitor, each.status) for each in sentry.check_ins] == [("watchdog", "ok")]
