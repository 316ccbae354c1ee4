"""Lists every variable that `.env` may contain, taken from the classes that read them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import otel
from app.core.settings import Settings
from app.core.telemetry import TELEMETRY_DEFAULTS
from stack.channel_settings import ChannelSettings
from stack.settings import StackSettings


@dataclass(frozen=True)
class Section:
    """The variables that one class reads, under a heading."""

    title: str
    variables: tuple[otel.Setting, ...]


def _password() -> str:
    return secrets.token_urlsafe(18)


# How required values are generated. All others are 32 random bytes, safe in URLs and Compose files.
GENERATORS: Final[Mapping[str, Callable[[], str]]] = {
    "LMS_ADMIN_PASSWORD": _password,
    "LMS_CERTIFICATE_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
    "STACK_GRAFANA_PASSWORD": _password,
    "STACK_BUGSINK_PASSWORD": _password,
    "STACK_BUGSINK_SECRET_KEY": lambda: secrets.token_urlsafe(48),
}


def sections() -> list[Section]:
    """Returns every variable that `.env` may contain, the platform's first."""
    channels = {each.key: each for each in ChannelSettings.variables()}
    return [
        Section("The platform", tuple(Settings.variables())),
        Section(
            "What runs around it",
            tuple(each for each in StackSettings.variables() if each.key not in channels),
        ),
        Section(
            "Who is notified of alerts: each channel on its own, none is needed", tuple(channels.values())
        ),
        Section(
            "Telemetry: `make up` sets the Collector's address, the token and the resource itself",
            _telemetry(),
        ),
    ]


def required() -> list[otel.Setting]:
    """Returns the variables that have no default."""
    return [each for section in sections() for each in section.variables if each.default is None]


def generate(key: str) -> str:
    """Returns a fresh value for a required variable."""
    return GENERATORS.get(key, lambda: secrets.token_urlsafe(32))()


def _telemetry() -> tuple[otel.Setting, ...]:
    return tuple(
        replace(each, default=TELEMETRY_DEFAULTS.get(each.key, each.default)) for each in otel.settings()
    )
