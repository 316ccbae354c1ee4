"""The repository's Alertmanager configuration: each channel set to a receiver of a test, the waits short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from stack.alerting import Channels, Platform, write
from stack.alerting.thresholds import Thresholds
from tests.receivers.mail_server import PASSWORD, USER, MailServer
from tests.receivers.slack import Slack
from tests.receivers.webhook import Webhook

TOKEN: Final = "planted-token-of-alerts"
WAITS: Final = {
    "page_group_wait": "1s",
    "page_group_interval": "2s",
    "escalation_group_interval": "2s",
}


def configured(folder: Path, slack: Slack, relay: MailServer, webhook: Webhook, **changed: str) -> Path:
    """Writes the configuration into the folder and returns its path; ``changed`` are further thresholds.

    The webhook takes the place of the platform's, at the end of every receiver.
    """
    channels = Channels.from_env(
        {
            "STACK_SLACK_WEBHOOK_URL": slack.webhook_url,
            "STACK_MAIL_TO": "on-call@lms.example",
            "STACK_MAIL_FROM": "alerts@lms.example",
            "STACK_MAIL_SMARTHOST": relay.smarthost,
            "STACK_MAIL_USER": USER,
            "STACK_MAIL_PASSWORD": PASSWORD,
            "STACK_MAIL_CA_FILE": str(relay.certificate),
        }
    )
    known = Thresholds.load()
    short = {name: replace(known[name], value=value) for name, value in {**WAITS, **changed}.items()}
    platform = Platform(webhook.url, SecretStr(TOKEN))
    write(folder, channels, platform=platform, thresholds=Thresholds({**known, **short}))
    return folder / "alertmanager.yml"
