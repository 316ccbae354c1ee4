"""Two Alertmanagers, to both of which Prometheus sends everything: one message, whichever of them lives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.alertmanager.quick import TOKEN, configured
from tests.alertmanager.routers import Alert, Router, pair, running
from tests.programs import wait_until
from tests.receivers.mail_server import MailServer
from tests.receivers.slack import Slack
from tests.receivers.webhook import Webhook


@dataclass(frozen=True)
class Cluster:
    """Two Alertmanagers and whom they notify."""

    both: tuple[Router, Router]
    slack: Slack
    relay: MailServer
    webhook: Webhook

    def wait_for(self, count: int) -> None:
        """Waits until each channel has this many notifications: they are sent side by side."""
        for each in (self.slack, self.relay, self.webhook):
            each.wait_for(count)

    def counts(self) -> tuple[int, int]:
        """Returns how many messages Slack and the mailbox have."""
        return len(self.slack.posts), len(self.relay.mails)

    def send(self, alert: Alert, *, ended: bool = False) -> None:
        """Sends an alert, or its end, to those that live."""
        at = datetime.now(UTC) if ended else None
        for each in self.living():
            each.send(alert, at)

    def living(self) -> list[Router]:
        """Returns those that were not killed."""
        return [each for each in self.both if each.alive]

    def wait_until_done(self) -> None:
        """Waits until no living one works on any alert: nothing more will be sent."""
        wait_until(lambda: not any(each.groups() for each in self.living()), "all groups are gone")

    def seen(self) -> list[str]:
        """Returns the status of each notification, as the webhook got them."""
        return [each.status for each in self.webhook.notifications]


@pytest.fixture(name="cluster")
def _cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Slack() as slack, MailServer(tmp_path) as relay, Webhook(TOKEN) as webhook:
        # The end must not be sent before the second had its turn to find out that the start was (1 s).
        configuration = configured(
            tmp_path / "etc", slack=slack, relay=relay, webhook=webhook, page_group_interval="4s"
        )
        both = pair(tmp_path, configuration)
        with running(*both):
            wait_until(lambda: all(each.peers() == 2 for each in both), "they have found each other")
            wait_until(lambda: all(each.settled() for each in both), "they have settled")
            yield Cluster(both, slack, relay, webhook)


def test_two_send_one_message_of_the_start_and_one_of_the_end(cluster: Cluster) -> None:
    alert = Alert.now()
    cluster.send(alert)
    cluster.wait_for(1)
    cluster.send(alert, ended=True)
    cluster.wait_for(2)
    cluster.wait_until_done()
    assert cluster.seen() == ["firing", "resolved"]
    assert cluster.counts() == (2, 2)


@pytest.mark.parametrize("killed", [0, 1], ids=["the first is killed", "the second is killed"])
def test_the_death_of_one_repeats_nothing_and_the_other_sends_the_end(cluster: Cluster, killed: int) -> None:
    alert = Alert.now()
    cluster.send(alert)
    cluster.wait_for(1)
    survivor = cluster.both[1 - killed]
    wait_until(lambda: survivor.notified(channels=3), "the other knows of each channel that it was notified")
    cluster.both[killed].kill()
    cluster.send(alert)
    cluster.send(alert, ended=True)
    cluster.wait_for(2)
    cluster.wait_until_done()
    assert cluster.seen() == ["firing", "resolved"]
    assert cluster.counts() == (2, 2)


@pytest.mark.parametrize("killed", [0, 1], ids=["the first is killed", "the second is killed"])
def test_one_that_dies_before_it_notified_is_stood_in_for(cluster: Cluster, killed: int) -> None:
    alert = Alert.now()
    cluster.send(alert)
    cluster.both[killed].kill()
    cluster.wait_for(1)
    cluster.send(alert, ended=True)
    cluster.wait_for(2)
    cluster.wait_until_done()
    assert cluster.seen() == ["firing", "resolved"]


def test_an_acknowledgement_at_one_holds_at_the_other(cluster: Cluster) -> None:
    alert = Alert.now()
    cluster.both[0].silence(alert)
    wait_until(lambda: cluster.both[1].silences() == 1, "the silence has reached the other")
    cluster.send(alert)
    wait_until(
        lambda: all(each.total("alertmanager_notifications_suppressed_total") for each in cluster.both),
        "both have suppressed it",
    )
    assert cluster.webhook.attempts == []
