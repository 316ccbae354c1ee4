"""PagerDuty, Opsgenie, Telegram and Pushover as alerts are tested with refuse what the real ones refuse."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.receivers.phones import API_KEY, BOT_TOKEN, CHAT_ID, ROUTING_KEY, Opsgenie, PagerDuty, Telegram
from tests.receivers.pushover import HOST, TOKEN, USER_KEY, Pushover

EVENT: dict[str, Any] = {
    "routing_key": ROUTING_KEY,
    "event_action": "trigger",
    "dedup_key": "one",
    "payload": {"summary": "LmsDown", "source": "lms", "severity": "critical"},
}


def _payload(**change: object) -> dict[str, Any]:
    return {**EVENT, "payload": {**EVENT["payload"], **change}}


def test_pagerduty_takes_an_event() -> None:
    with PagerDuty() as pagerduty:
        assert httpx.post(pagerduty.events_url, json=EVENT).json()["dedup_key"] == "one"
    assert pagerduty.events[0].payload.summary == "LmsDown"


@pytest.mark.parametrize(
    "event",
    [
        {**EVENT, "routing_key": "f" * 32},
        {**EVENT, "routing_key": "short"},
        {**EVENT, "event_action": "page"},
        {**EVENT, "dedup_key": "x" * 256},
        {**EVENT, "links": [{"href": "javascript:alert(1)", "text": "Runbook"}]},
        {**EVENT, "links": [{"href": "https://runbooks.example/Lms…", "text": "Runbook"}]},
        _payload(severity="page"),
        _payload(summary="x" * 1025),
        _payload(source=""),
    ],
)
def test_pagerduty_refuses_what_is_no_event_of_the_integration(event: dict[str, Any]) -> None:
    with PagerDuty() as pagerduty:
        assert httpx.post(pagerduty.events_url, json=event).status_code == 400
    assert (pagerduty.events, len(pagerduty.refused)) == ([], 1)


def _opsgenie(opsgenie: Opsgenie, body: dict[str, Any], path: str = "/v2/alerts", key: str = API_KEY) -> int:
    headers = {"Authorization": f"GenieKey {key}"}
    return httpx.post(f"{opsgenie.url}{path}", json=body, headers=headers).status_code


def test_opsgenie_opens_and_closes_an_alert() -> None:
    with Opsgenie() as opsgenie:
        assert _opsgenie(opsgenie, {"message": "LmsDown", "alias": "one", "priority": "P1"}) == 202
        assert _opsgenie(opsgenie, {"source": "a"}, "/v2/alerts/one/close?identifierType=alias") == 202
    assert ([each.message for each in opsgenie.opened], opsgenie.closed) == (["LmsDown"], ["one"])


def test_opsgenie_refuses_what_it_cannot_process() -> None:
    with Opsgenie() as opsgenie:
        assert _opsgenie(opsgenie, {"message": "x" * 131, "alias": "one"}) == 422
        assert _opsgenie(opsgenie, {"message": "LmsDown", "alias": "one", "priority": "page"}) == 422
        assert _opsgenie(opsgenie, {"message": "LmsDown", "alias": "one"}, key="other") == 401
        assert _opsgenie(opsgenie, {"message": "LmsDown", "alias": "one"}, "/v1/alerts") == 404
        details = {"path": "x" * 8_000}
        assert _opsgenie(opsgenie, {"message": "LmsDown", "alias": "one", "details": details}) == 422
        assert _opsgenie(opsgenie, {}, "/v2/alerts/one/close") == 404
    assert (opsgenie.opened, opsgenie.closed, len(opsgenie.refused)) == ([], [], 6)


def _telegram(telegram: Telegram, token: str = BOT_TOKEN, **change: object) -> Any:  # noqa: ANN401 - JSON
    body = {"chat_id": str(CHAT_ID), "text": "LmsDown", "parse_mode": "", **change}
    return httpx.post(f"{telegram.url}/bot{token}/sendMessage", json=body).json()


def test_telegram_shows_a_message() -> None:
    with Telegram() as telegram:
        assert _telegram(telegram)["ok"] is True
    assert [each.text for each in telegram.texts] == ["LmsDown"]


def test_telegram_refuses_another_bot_chat_or_too_long_a_text() -> None:
    with Telegram() as telegram:
        assert _telegram(telegram, token="1:other")["error_code"] == 401
        assert _telegram(telegram, chat_id="5")["error_code"] == 400
        assert _telegram(telegram, text="x" * 4097)["error_code"] == 400
        assert _telegram(telegram, parse_mode="html")["error_code"] == 400
    assert (telegram.texts, len(telegram.refused)) == ([], 4)


def _pushover(server: Pushover, host: str = HOST, **change: str) -> int:
    """Posts a message as Alertmanager does, with its parameters in the address, through the proxy."""
    notice = {"token": TOKEN, "user": USER_KEY, "title": "LmsDown", "message": "It does not answer", **change}
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    with httpx.Client(proxy=server.url, verify=trusted) as client:
        return client.post(f"https://{host}/1/messages.json", params=notice).status_code


def test_pushover_shows_a_message_and_repeats_an_emergency(tmp_path: Path) -> None:
    with Pushover(tmp_path) as server:
        assert _pushover(server) == 200
        assert _pushover(server, priority="2", retry="60", expire="3600") == 200
    assert [each.priority for each in server.notices] == [0, 2]
    assert server.refused == []


@pytest.mark.parametrize(
    "change",
    [
        {"token": "short"},
        {"user": "u" * 30},
        {"title": "x" * 251},
        {"message": ""},
        {"message": "x" * 1025},
        {"url": "https://alerts.example/" + "x" * 500},
        {"url": "https://alerts.example/cut…"},
        {"priority": "3"},
        {"priority": "2", "retry": "10", "expire": "3600"},
        {"priority": "2", "retry": "60", "expire": "0"},
        {"colour": "red"},
    ],
)
def test_pushover_refuses_what_it_would_not_show(tmp_path: Path, change: dict[str, str]) -> None:
    with Pushover(tmp_path) as server:
        assert _pushover(server, **change) == 400
    assert (server.notices, len(server.refused)) == ([], 1)


def test_pushovers_proxy_leads_nowhere_else(tmp_path: Path) -> None:
    with Pushover(tmp_path) as server, pytest.raises(httpx.ProxyError, match="403"):
        _pushover(server, host="api.telegram.org")
    assert server.refused == ["CONNECT api.telegram.org:443"]
