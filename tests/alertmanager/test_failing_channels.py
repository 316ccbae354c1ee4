"""Channels that fail: what they missed is delivered in the end, once, and each failure is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.alertmanager.quick import TOKEN, configured
from tests.alertmanager.routers import Alert, Router, running
from tests.alertmanager.watchers import watching
from tests.programs import wait_until
from tests.receivers.endpoint import HANG, RATE_LIMITED, Fault
from tests.receivers.mail_server import GREYLISTED, WRONG_LOGIN, MailServer, Refusal
from tests.receivers.slack import Slack
from tests.receivers.webhook import Webhook

REQUESTS = "alertmanager_notification_requests_failed_total"
GIVEN_UP = "alertmanager_notifications_failed_total"


@dataclass(frozen=True)
class World:
    """An Alertmanager and everything that it notifies."""

    router: Router
    slack: Slack
    relay: MailServer
    webhook: Webhook

    def wait_for(self, count: int) -> None:
        """Waits until each channel has this many notifications."""
        for each in (self.slack, self.relay, self.webhook):
            each.wait_for(count)

    def counts(self) -> tuple[int, int, int]:
        """Returns how many notifications each channel has."""
        return len(self.slack.posts), len(self.relay.mails), len(self.webhook.notifications)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with Slack() as slack, MailServer(tmp_path) as relay, Webhook(TOKEN) as webhook:
        configuration = configured(tmp_path / "etc", slack=slack, relay=relay, webhook=webhook)
        router = Router(tmp_path / "router", configuration)
        with running(router):
            yield World(router, slack, relay, webhook)


def _resolve(world: World, alert: Alert) -> None:
    """Ends the alert and waits until Alertmanager has done all that it will ever do about it."""
    world.router.send(alert, datetime.now(UTC))
    world.wait_for(2)
    wait_until(lambda: not world.router.groups(), "the group is gone")


def test_every_channel_is_notified_once_of_the_start_and_once_of_the_end(world: World) -> None:
    alert = Alert.now()
    world.router.send(alert)
    world.wait_for(1)
    _resolve(world, alert)
    assert world.counts() == (2, 2, 2)
    assert [each.status for each in world.webhook.notifications] == ["firing", "resolved"]
    assert [each.user for each in world.relay.mails] == ["alerts@lms.example"] * 2
    assert (world.slack.refused, world.relay.refused, world.webhook.refused) == ([], [], [])


def test_slack_that_limits_the_rate_gets_the_message_in_the_end(world: World) -> None:
    world.slack.fail(RATE_LIMITED, RATE_LIMITED)
    alert = Alert.now()
    world.router.send(alert)
    world.wait_for(1)
    # Alertmanager 0.31 repeats a 429 with the group's next flush, not at once.
    assert world.router.total(GIVEN_UP, integration="slack") == 2
    _resolve(world, alert)
    assert world.counts() == (2, 2, 2)
    assert len(world.slack.attempts) == 4


@pytest.mark.parametrize(
    "fault", [Fault(500), Fault(503, retry_after=1)], ids=["internal error", "unavailable"]
)
def test_slack_out_of_order_is_asked_again_at_once(world: World, fault: Fault) -> None:
    world.slack.fail(fault, fault)
    alert = Alert.now()
    world.router.send(alert)
    world.wait_for(1)
    assert world.router.total(REQUESTS, integration="slack") == 2
    assert world.router.total(GIVEN_UP, integration="slack") == 0
    _resolve(world, alert)
    assert world.counts() == (2, 2, 2)


@pytest.mark.parametrize(
    "refusal",
    [GREYLISTED, WRONG_LOGIN, Refusal("DATA", "452 4.3.1 Insufficient storage")],
    ids=["greylisted", "refused login", "full"],
)
def test_a_relay_that_refuses_gets_the_mail_in_the_end(world: World, refusal: Refusal) -> None:
    world.relay.break_down(refusal)
    alert = Alert.now()
    world.router.send(alert)
    for each in (world.slack, world.webhook):
        each.wait_for(1)
    world.router.wait_for(REQUESTS, 2, integration="email")
    assert world.relay.mails == []
    world.relay.mend()
    world.wait_for(1)
    _resolve(world, alert)
    assert world.counts() == (2, 2, 2)


def test_channels_that_are_away_for_long_are_given_up_alerted_on_and_notified_when_they_are_back(
    world: World, tmp_path: Path
) -> None:
    """As an hour of a webhook that is down, scaled: several flushes of the group, each given up."""
    world.webhook.stop()
    world.relay.stop()
    world.slack.break_down(HANG)
    alert = Alert.now()
    with watching(tmp_path / "prometheus", world.router.url) as watcher:
        wait_until(lambda: not watcher.firing("AlertmanagerDown"), "Alertmanager is scraped")
        world.router.send(alert)
        for integration in ("webhook", "email", "slack"):
            world.router.wait_for(GIVEN_UP, 2, integration=integration)
        wait_until(
            lambda: (
                {each["integration"] for each in watcher.firing("AlertmanagerNotificationsFail")}
                == {"webhook", "email", "slack"}
            ),
            "each failing channel is alerted on",
        )
        wait_until(lambda: watcher.firing("AlertmanagerReachesNobody"), "that nobody is reached pages")
    assert world.counts() == (0, 0, 0)
    world.webhook.start()
    world.relay.start()
    world.slack.mend()
    world.wait_for(1)
    _resolve(world, alert)
    assert world.counts() == (2, 2, 2)


def test_one_working_channel_is_enough_to_reach_people(world: World, tmp_path: Path) -> None:
    world.relay.break_down(WRONG_LOGIN)
    with watching(tmp_path / "prometheus", world.router.url) as watcher:
        world.router.send(Alert.now())
        world.slack.wait_for(1)
        wait_until(
            lambda: watcher.firing("AlertmanagerNotificationsFail"), "the failing channel is alerted on"
        )
        assert watcher.firing("AlertmanagerReachesNobody") == []
    world.relay.mend()


def test_a_broken_channel_delays_no_other(world: World) -> None:
    world.webhook.break_down(HANG)
    world.relay.break_down(WRONG_LOGIN)
    world.router.send(Alert.now())
    world.slack.wait_for(1)
    assert world.router.total(GIVEN_UP) == 0  # they are still being tried
    world.webhook.mend()
