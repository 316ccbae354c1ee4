"""The people on duty and what reaches them: each channel of a running stack is a receiver that checks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stack.native.native_stack import NativeStack
from tests.app.conftest import GENEROUS
from tests.programs import wait_until
from tests.receivers.endpoint import Endpoint
from tests.receivers.mail_server import PASSWORD, USER, Mail, MailServer
from tests.receivers.sentry import Sentry
from tests.receivers.slack import Post, Slack
from tests.receivers.webhook import Alert, Webhook
from tests.stack.alerts.shortened import shorten
from tests.stack.running.learner import Person, Platform
from tests.stack.running.stores import Stores

ON_CALL: Final = "on-call@lms.example"
MANAGEMENT: Final = "management@lms.example"
SECONDS: Final = 120.0


@dataclass
class Duty:
    """A running stack, an admin of its platform, and everybody who is notified of its alerts."""

    stack: NativeStack
    slack: Slack
    second_line: Slack
    relay: MailServer
    webhook: Webhook
    sentry: Sentry
    platform: Platform
    admin: Person = field(init=False)

    def sign_in(self) -> None:
        """Signs the admin in while everything works; the token holds for the whole test."""
        self.admin = self.platform.admin()

    def notified(self, alert: str, status: str = "firing") -> list[Alert]:
        """Returns what the generic webhook got about an alert in this status."""
        return [each for each in self.webhook.alerts(alert) if each.status == status]

    def posts(self, alert: str, slack: Slack | None = None) -> list[Post]:
        """Returns the messages about an alert in the first line's Slack, or in this one."""
        return [each for each in (slack or self.slack).posts if alert in each.text]

    def mails(self, alert: str, recipient: str = ON_CALL) -> list[Mail]:
        """Returns the mails about an alert to one recipient."""
        return [
            each
            for each in self.relay.mails
            if recipient in each.recipients and alert in each.subject + each.text
        ]

    def events(self, alert: str) -> list[dict[str, Any]]:
        """Returns Sentry's events about an alert."""
        return [each for each in self.sentry.events if each.get("tags", {}).get("alertname") == alert]

    def alerts(self, **query: str) -> list[dict[str, Any]]:
        """Returns what the platform's API lists."""
        answer = self.admin.client.get("/monitoring/alerts", params=query)
        assert answer.is_success, answer.text
        found: list[dict[str, Any]] = answer.json()["alerts"]
        return found

    def acknowledge(self, alert: str) -> None:
        """Acknowledges an alert that fires through the platform's API."""
        [found] = list(self.alerts(alertname=alert))
        body = {"comment": "I am at it.", "duration": "1h"}
        answer = self.admin.post(f"/monitoring/alerts/{found['fingerprint']}/acknowledge", body)
        assert answer.is_success, answer.text

    def wait_for(self, what: str, condition: Any) -> None:  # noqa: ANN401 - any callable
        """Waits until the condition is true; the error has what was notified instead.

        It is tried five times per second, so that one that sends a request does not overload the platform:
        the page about that would silence the warning that is awaited.
        """
        wait_until(condition, lambda: f"{what}; {self.seen()}", SECONDS, every=0.2)

    def seen(self) -> str:
        """Returns in one line what everybody got, for messages of failed tests."""
        got = [f"{n.receiver}:{a.name}:{a.status}" for n in self.webhook.notifications for a in n.alerts]
        channels: list[Endpoint | MailServer] = [
            self.slack,
            self.second_line,
            self.relay,
            self.webhook,
            self.sentry,
        ]
        refused = {type(each).__name__: each.refused for each in channels if each.refused}
        return f"notified: {got}; refused: {refused}"

    def refused(self) -> list[str]:
        """Returns what any receiver refused, which is always a mistake of ours."""
        channels: list[Endpoint | MailServer] = [
            self.slack,
            self.second_line,
            self.relay,
            self.webhook,
            self.sentry,
        ]
        return [sentence for each in channels for sentence in each.refused]


@contextmanager
def on_duty(folder: Path) -> Iterator[Duty]:
    """Runs a stack whose every channel is set, with waits and windows of seconds."""
    with (
        Slack() as slack,
        Slack() as second,
        MailServer(folder) as relay,
        Webhook() as webhook,
        Sentry() as sentry,
    ):
        channels = _channels(slack, second, relay, webhook, sentry)
        stack = NativeStack.scratch(folder / "stack", {**channels, **_PLATFORM})
        stack.start()
        try:
            _wait_until_calm(stack)
            shorten(stack)
            platform = Platform(stack)
            duty = Duty(stack, slack, second, relay, webhook, sentry, platform)
            duty.sign_in()
            # What fires before Alertmanager has begun to send reaches the first and the second line at once.
            duty.wait_for("the Watchdog has checked in", lambda: sentry.check_ins)
            yield duty
            platform.close()
        finally:
            stack.stop()


def _wait_until_calm(stack: NativeStack) -> None:
    """What is pending since a part was not yet up would fire as soon as waits are seconds."""
    with closing(Stores(stack)) as stores:
        wait_until(lambda: not stores.total('ALERTS{severity="page"}'), "no page is pending")


def _channels(
    slack: Slack, second: Slack, relay: MailServer, webhook: Webhook, sentry: Sentry
) -> dict[str, str]:
    return {
        "STACK_SLACK_WEBHOOK_URL": slack.webhook_url,
        "STACK_MAIL_TO": ON_CALL,
        "STACK_MAIL_FROM": "alerts@lms.example",
        "STACK_MAIL_SMARTHOST": relay.smarthost,
        "STACK_MAIL_USER": USER,
        "STACK_MAIL_PASSWORD": PASSWORD,
        "STACK_MAIL_TLS": "starttls",
        "STACK_MAIL_CA_FILE": str(relay.certificate),
        "STACK_WEBHOOK_URLS": f"{webhook.url}/alerts",
        "STACK_SECOND_LINE_SLACK_WEBHOOK_URL": second.webhook_url,
        "STACK_MANAGEMENT_MAIL_TO": MANAGEMENT,
        "STACK_WATCHDOG_URL": sentry.cron_url("watchdog"),
        "SENTRY_DSN": sentry.dsn,
    }


_PLATFORM: Final = {
    "LMS_DEMO_FAILURE_RATIO": "1",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "HOST_METRICS_INTERVAL": "1s",
    "STACK_CANARY_SECONDS": "2",
    "LMS_RATE_LIMITS": str(GENEROUS),  # waiting for a condition is many requests
    "LMS_HEALTH_SECONDS": "1",
    "LMS_HEALTH_SLOW_SECONDS": "2",
}
