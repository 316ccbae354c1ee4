"""Alertmanager's configuration: the repository's file, filled in with the channels that are set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from stack.alerting.errors import AlertingError
from stack.alerting.sources import ROUTES
from stack.alerting.thresholds import Thresholds

SOURCE: Final = ROUTES
SECRETS: Final = "secrets/"
_PLACEHOLDER: Final = re.compile(r"\$\{([A-Z_]+)\}")


@dataclass(frozen=True, slots=True)
class Channels:
    """The notification channels. One that is not set is left out of the configuration.

    Args:
        slack_webhook_url: Slack's incoming webhook; the address is the secret.
        watchdog_url: where to POST every five minutes; an external monitor alerts when the posts stop.
        mail_to: who gets mail; needs ``mail_smarthost``.
        mail_from: the sender.
        mail_smarthost: host:port of a mail relay that asks for no password.
        mail_tls: refuse a relay that offers no STARTTLS.
    """

    slack_webhook_url: SecretStr | None = None
    watchdog_url: SecretStr | None = None
    mail_to: str | None = None
    mail_from: str = "alerts@lms.invalid"
    mail_smarthost: str | None = None
    mail_tls: bool = True

    def values(self) -> dict[str, str | bool | None]:
        """Returns the values of the source's placeholders; None means not set."""
        return {
            "ALERT_MAIL_TO": self.mail_to,
            "ALERT_MAIL_FROM": self.mail_from,
            "ALERT_MAIL_SMARTHOST": self.mail_smarthost,
            "ALERT_MAIL_TLS": self.mail_tls,
        }

    def secrets(self) -> dict[str, str]:
        """Returns the content of each file in ``secrets/``, by name."""
        files = {"slack_webhook_url": self.slack_webhook_url, "watchdog_url": self.watchdog_url}
        return {name: secret.get_secret_value() for name, secret in files.items() if secret}


def render(source: str, channels: Channels, seen_as: Path, thresholds: Thresholds) -> str:
    """Returns the configuration that Alertmanager reads, without integrations that lack a value or secret.

    Args:
        source: the repository's file.
        channels: the notification channels.
        seen_as: the folder as Alertmanager sees it. Alertmanager 0.31 opens a receiver's ``*_file`` relative
            to its working directory, so these paths become absolute.
        thresholds: the numbers that the file names, such as its waits.

    Raises:
        AlertingError: a placeholder that nothing defines.
    """
    configuration = yaml.safe_load(thresholds.fill(source, ROUTES.name))
    for receiver in configuration["receivers"]:
        for kind in [key for key in receiver if key.endswith("_configs")]:
            receiver[kind] = [
                _fill(entry, channels, seen_as) for entry in receiver[kind] if _complete(entry, channels)
            ]
            if not receiver[kind]:
                del receiver[kind]
    return (
        "# Generated from alertmanager/alertmanager.yml at every start: edit that file.\n"
        + yaml.safe_dump(configuration, sort_keys=False, width=1000)
    )


def write(
    folder: Path,
    channels: Channels,
    *,
    environment: str = "",
    seen_as: Path | None = None,
    file_mode: int = 0o600,
) -> None:
    """Writes ``alertmanager.yml`` and ``secrets/`` into the folder; secrets no longer set are removed.

    Args:
        folder: Alertmanager's configuration folder; created if absent.
        channels: the notification channels.
        environment: the deployment's name, which chooses the overlay of thresholds.
        seen_as: the folder as Alertmanager sees it, where that differs (in a container).
        file_mode: mode of each secret. Containers run as other users and need 0o444: protect the folder then.

    Raises:
        AlertingError: a source is wrong; then nothing is written.
    """
    configuration = render(
        SOURCE.read_text(), channels, seen_as or folder.resolve(), Thresholds.load(environment)
    )
    secrets = folder / SECRETS
    secrets.mkdir(parents=True, exist_ok=True)
    for stale in secrets.iterdir():
        stale.unlink()
    for name, content in channels.secrets().items():
        path = secrets / name
        path.touch(mode=0o600)
        path.write_text(content)
        path.chmod(file_mode)
    (folder / "alertmanager.yml").write_text(configuration)


def _complete(entry: Mapping[str, Any], channels: Channels) -> bool:
    given = channels.secrets()
    wanted = [path.removeprefix(SECRETS) for key, path in entry.items() if key.endswith("_file")]
    return all(name in given for name in wanted) and None not in [
        _value(text, channels) for text in entry.values()
    ]


def _fill(entry: Mapping[str, Any], channels: Channels, seen_as: Path) -> dict[str, Any]:
    filled = {key: _value(text, channels) for key, text in entry.items()}
    return {key: str(seen_as / str(text)) if key.endswith("_file") else text for key, text in filled.items()}


def _value(text: object, channels: Channels) -> object:
    """Resolves a value of the source: a placeholder to its typed value, anything else to itself."""
    if not isinstance(text, str) or "${" not in text:
        return text
    match = _PLACEHOLDER.fullmatch(text)
    values = channels.values()
    if match is None or match[1] not in values:
        known = ", ".join(f"${{{name}}}" for name in values)
        raise AlertingError(
            f"alertmanager.yml: {text!r} is not a placeholder. A whole value may be one of {known}."
        )
    return values[match[1]]
