"""Alertmanager's configuration: the repository's file and templates, filled in with what is set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from stack.alerting.errors import AlertingError
from stack.alerting.routes import with_time_intervals
from stack.alerting.sources import ALERTING, ROUTES
from stack.alerting.thresholds import Thresholds
from stack.alerting.yaml_files import mapping
from stack.channel_settings import ChannelSettings

Channels = ChannelSettings
SOURCE: Final = ROUTES
TEMPLATES: Final = ALERTING / "templates"
SECRETS: Final = "secrets/"
PRIVATE: Final = 0o600
_SHARED: Final = "x-"
_SETTING: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(\??)\}")
_FILE: Final = re.compile(r"secrets/([a-z0-9_]+)(/\*|\??)")
_HEAD: Final = "# Generated from alertmanager/alertmanager.yml at every start: edit that file.\n"
_LEFT_OUT: Final = object()


class _Incomplete(Exception):  # noqa: N818 - no error: the integration is left out
    """A setting that an integration needs is not set."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's webhook, which records every notification: its base URL and the bearer token."""

    address: str
    token: SecretStr

    @property
    def webhook(self) -> str:
        """The address that Alertmanager posts to."""
        return f"{self.address}/api/v1/monitoring/alerts/webhook"


@dataclass(frozen=True)
class _Filling:
    """The values of the placeholders in receivers."""

    channels: Channels
    platform: Platform | None
    seen_as: Path

    @cached_property
    def values(self) -> dict[str, object]:
        """The settings by placeholder; None means not set."""
        given = {name: getattr(self.channels, name) for name in Channels.model_fields}
        return {
            **{name.upper(): value for name, value in given.items() if not isinstance(value, SecretStr)},
            "MAIL_REQUIRE_TLS": self.channels.mail_tls != "none",
            "MAIL_IMPLICIT_TLS": self.channels.mail_tls == "implicit",
            "PLATFORM_URL": self.platform.webhook if self.platform else None,
        }

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The content of each file in ``secrets/``, by name."""
        given = {name: getattr(self.channels, name) for name in Channels.model_fields}
        found = {
            name: value.get_secret_value() for name, value in given.items() if isinstance(value, SecretStr)
        }
        several = filter(None, found.pop("webhook_urls", "").split(","))
        found |= {f"webhook_urls_{number}": url.strip() for number, url in enumerate(several, 1)}
        if self.channels.mail_ca_file:
            found["mail_ca_file"] = self.channels.mail_ca_file.read_text(encoding="utf-8")
        if self.platform:
            found["alerts_token"] = self.platform.token.get_secret_value()
        return found

    def receiver(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a receiver with those of its integrations that are complete."""
        kinds = {key: entries for key, entries in source.items() if key.endswith("_configs")}
        filled = {
            key: [one for entry in entries for one in self._integrations(entry)]
            for key, entries in kinds.items()
        }
        return {"name": source["name"], **{key: entries for key, entries in filled.items() if entries}}

    def _integrations(self, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the entry filled in: once, or per secret of a ``/*``, or never if a setting is missing."""
        prefix = next(filter(None, map(_several, entry.values())), None)
        numbered = re.compile(rf"{prefix}_[0-9]+")
        for name in filter(numbered.fullmatch, self.secrets) if prefix else [""]:
            try:
                yield self._filled(entry, name)
            except _Incomplete:
                return

    def _filled(self, node: Any, chosen: str) -> Any:  # noqa: ANN401 - YAML is of any type
        if isinstance(node, dict):
            filled = {key: self._filled(each, chosen) for key, each in node.items()}
            return {key: each for key, each in filled.items() if each is not _LEFT_OUT} or _LEFT_OUT
        if isinstance(node, list):
            return [self._filled(each, chosen) for each in node]
        if not isinstance(node, str):
            return node
        if match := _FILE.fullmatch(node):
            return self._file(chosen if match[2] == "/*" else match[1], optional=match[2] == "?")
        return self._setting(node) if "${" in node else node

    def _file(self, name: str, *, optional: bool) -> object:
        if name in self.secrets:
            return str(self.seen_as / SECRETS / name)
        if name not in {*Channels.model_fields, "alerts_token"}:
            raise AlertingError(
                f"alertmanager.yml: no setting fills in secrets/{name}; STACK_{name.upper()} does not exist."
            )
        return _absent(optional=optional)

    def _setting(self, text: str) -> object:
        match = _SETTING.fullmatch(text)
        if match is None or match[1] not in self.values:
            known = ", ".join(f"${{{name}}}" for name in self.values)
            raise AlertingError(
                f"alertmanager.yml: {text!r} is not a placeholder. A whole value may be one of {known}."
            )
        value = self.values[match[1]]
        return _absent(optional=bool(match[2])) if value is None else value


def _absent(*, optional: bool) -> object:
    if optional:
        return _LEFT_OUT
    raise _Incomplete


def _several(value: object) -> str | None:
    match = _FILE.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match and match[2] == "/*" else None


def render(
    source: str, channels: Channels, seen_as: Path, thresholds: Thresholds, platform: Platform | None = None
) -> str:
    """Returns the configuration that Alertmanager reads, without integrations that lack a setting.

    Args:
        source: the repository's file.
        channels: the notification channels.
        seen_as: the folder as Alertmanager sees it. Alertmanager 0.31 opens a receiver's ``*_file`` relative
            to its working directory, so these paths become absolute.
        thresholds: the numbers that the file names, such as its waits.
        platform: the platform's webhook; None leaves it out.

    Raises:
        AlertingError: a placeholder that nothing defines, or a maintenance calendar that is not valid.
    """
    return _rendered(source, _Filling(channels, platform, seen_as), thresholds)


def _rendered(source: str, filling: _Filling, thresholds: Thresholds) -> str:
    content = mapping(thresholds.fill(source, ROUTES.name), ROUTES.name)
    kept = {key: each for key, each in content.items() if not key.startswith(_SHARED)}
    kept["receivers"] = [filling.receiver(each) for each in kept["receivers"]]
    complete = with_time_intervals(kept, filling.channels)
    return _HEAD + yaml.safe_dump(complete, sort_keys=False, width=1000, allow_unicode=True)


def templates(time_zone: str) -> dict[str, str]:
    """Returns the messages' template files by name, for Alertmanager or ``amtool template render``."""
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.tmpl"))}
    return {name: text.replace("${TIME_ZONE}", time_zone) for name, text in found.items()}


def write(
    folder: Path,
    channels: Channels,
    *,
    platform: Platform | None = None,
    environment: str = "",
    thresholds: Thresholds | None = None,
    seen_as: Path | None = None,
    file_mode: int = PRIVATE,
) -> None:
    """Writes ``alertmanager.yml``, ``templates/`` and ``secrets/`` into the folder; what is stale is removed.

    Args:
        folder: Alertmanager's configuration folder; created if absent.
        channels: the notification channels.
        platform: the platform's webhook; None leaves it out.
        environment: the deployment's name, which chooses the overlay of thresholds.
        thresholds: default: those of the environment.
        seen_as: the folder as Alertmanager sees it, where that differs (in a container).
        file_mode: mode of each secret. Containers run as other users and need 0o644: protect the folder then.

    Raises:
        AlertingError: a source is wrong; then nothing is written.
    """
    filling = _Filling(channels, platform, seen_as or folder.resolve())
    numbers = Thresholds.load(environment) if thresholds is None else thresholds
    configuration = _rendered(SOURCE.read_text(encoding="utf-8"), filling, numbers)
    _replace(folder / SECRETS, filling.secrets, file_mode)
    _replace(folder / "templates", templates(channels.time_zone), file_mode)
    (folder / "alertmanager.yml").write_text(configuration, encoding="utf-8")


def _replace(folder: Path, files: Mapping[str, str], mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    for name, content in files.items():
        path = folder / name
        path.touch(mode=PRIVATE)
        path.write_text(content, encoding="utf-8")
        path.chmod(mode)
