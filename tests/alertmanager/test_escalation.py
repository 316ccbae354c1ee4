"""A page that nobody acknowledges reaches the second line and then management, whatever restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from stack.alerting import Channels, Platform
from tests.alertmanager.routed import Routed, labels_of, routed
from tests.programs import wait_until
from tests.receivers.webhook import Webhook

SECOND: Final = timedelta(seconds=4)
MANAGEMENT: Final = timedelta(seconds=8)
WAITS: Final = {"escalation_second_line": "4s", "escalation_management": "8s"}
PAGE: Final = {"alertname": "LmsDown", "service_name": "lms", "severity": "page", "owner": "platform"}
OTHER: Final = {**PAGE, "alertname": "AlertmanagerDown", "service_name": "alertmanager"}
TIERS: Final = ["on-call", "escalation-second-line", "escalation-management"]
TOKEN: Final = "planted"


@pytest.fixture(name="history")
def _history() -> Iterator[Webhook]:
    with Webhook(TOKEN) as server:
        yield server


@pytest.fixture(name="running")
def _running(tmp_path: Path, history: Webhook) -> Iterator[Routed]:
    """Alertmanager, whose every receiver posts to the platform's webhook."""
    platform = Platform(history.url, SecretStr(TOKEN))
    with routed(tmp_path, Channels(), WAITS, platform) as found:
        yield found


def _notified(history: Webhook, labels: dict[str, str], status: str = "firing") -> list[str]:
    """Returns the receivers that were notified of an alert, in order."""
    return [
        each.receiver
        for each in list(history.notifications)
        if any(alert.labels == labels and alert.status == status for alert in each.alerts)
    ]


def _wait_for(history: Webhook, labels: dict[str, str], receiver: str, status: str = "firing") -> datetime:
    """Waits until a receiver is notified; returns when it was, at the latest."""
    wait_until(
        lambda: receiver in _notified(history, labels, status),
        lambda: f"{receiver} was notified; so far {_notified(history, labels, status)}",
    )
    return datetime.now(UTC)


def _wait_until(due: datetime) -> None:
    wait_until(lambda: datetime.now(UTC) >= due, f"it is {due}")


def test_each_tier_is_notified_after_its_wait_and_of_the_end(running: Routed, history: Webhook) -> None:
    since = datetime.now(UTC)
    running.send(PAGE, since=since)
    assert _wait_for(history, PAGE, TIERS[1]) >= since + SECOND
    assert _wait_for(history, PAGE, TIERS[2]) >= since + MANAGEMENT
    assert sorted(_notified(history, PAGE)) == sorted(TIERS)
    running.send(PAGE, since=since, ended=True)
    for tier in TIERS:
        _wait_for(history, PAGE, tier, "resolved")
    assert not history.refused


def test_who_was_not_notified_of_the_start_is_not_of_the_end(running: Routed, history: Webhook) -> None:
    running.send(PAGE, OTHER)
    _wait_for(history, PAGE, "on-call")
    running.send(PAGE, ended=True)
    _wait_for(history, OTHER, TIERS[2])
    assert _notified(history, PAGE) == ["on-call"]
    assert _notified(history, PAGE, "resolved") == ["on-call"]


def test_an_acknowledgement_stops_every_tier_and_its_end_arms_them_again(
    running: Routed, history: Webhook
) -> None:
    running.send(PAGE, OTHER)
    _wait_for(history, PAGE, "on-call")
    silence = running.acknowledge(PAGE)
    _wait_for(history, OTHER, TIERS[2])
    assert _notified(history, PAGE) == ["on-call"]
    running.expire(silence)
    for tier in TIERS[1:]:
        _wait_for(history, PAGE, tier)


def test_nothing_is_sent_when_the_cause_is_repaired(running: Routed, history: Webhook) -> None:
    """The burn alert goes on for half an hour; its escalation's wait has run out behind the inhibition."""
    cause, burns = labels_of("DatabaseDown"), {**labels_of("SloBurnFast"), "slo": "api"}
    running.send({**labels_of("RecentOutage"), "cause": "DatabaseDown"}, cause, OTHER)
    running.send(burns)
    _wait_for(history, OTHER, TIERS[2])
    running.send(cause, ended=True)
    for tier in TIERS:
        _wait_for(history, cause, tier, "resolved")
    later = {**OTHER, "alertname": "PrometheusStorageFails"}
    running.send(later)
    _wait_for(history, later, TIERS[2])
    assert _notified(history, burns) == []
    assert "RecentOutage" not in str([each.common_labels for each in list(history.notifications)])


def test_restarts_do_not_postpone_an_escalation_for_ever(running: Routed, history: Webhook) -> None:
    """It restarts after each quarter of the wait; Prometheus sends the alert again with its first start."""
    since = datetime.now(UTC)
    running.send(PAGE, since=since)
    _wait_for(history, PAGE, "on-call")
    restarts = 0
    while TIERS[2] not in _notified(history, PAGE):
        _wait_until(datetime.now(UTC) + SECOND / 4)
        running.stop()
        running.start()
        running.send(PAGE, since=since)
        running.known(PAGE)
        restarts += 1
        assert restarts <= 4 * (MANAGEMENT + SECOND) / SECOND, "more than one more wait"
    assert restarts >= 4, "it was restarted too seldom to prove anything"
    assert [each for each in TIERS if each in _notified(history, PAGE)] == TIERS
