"""The repository's Alertmanager configuration: each channel set to a receiver of a test, the waits short."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import SecretStr

from stack.alerting import Channels, write
from tests.receivers.mail_server import PASSWORD, USER, MailServer
from tests.receivers.slack import Slack
from tests.receivers.webhook import Webhook


def configured(
    folder: Path, slack: Slack, relay: MailServer, webhook: Webhook, *, interval: str = "2s"
) -> Path:
    """Writes the configuration into the folder and returns its path; ``interval`` is `group_interval`."""
    write(
        folder,
        Channels(
            slack_webhook_url=SecretStr(slack.webhook_url),
            mail_to="on-call@lms.example",
            mail_from="alerts@lms.example",
            mail_smarthost=relay.smarthost,
        ),
    )
    file = folder / "alertmanager.yml"
    configuration = yaml.safe_load(file.read_text())
    configuration["route"] |= {"group_wait": "500ms", "group_interval": interval, "repeat_interval": "1h"}
    [on_call] = [each for each in configuration["receivers"] if each["name"] == "on-call"]
    on_call["webhook_configs"] = [{"url": f"{webhook.url}/alerts"}]
    on_call["email_configs"][0] |= {
        "text": "It is down",
        "auth_username": USER,
        "auth_password": PASSWORD,
    }
    file.write_text(yaml.safe_dump(configuration))
    return file
