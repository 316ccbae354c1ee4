"""Kinds of values that settings have, and what all groups of settings share."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError, WrapValidator
from pydantic_settings import SettingsConfigDict

from app.core.base64url import decoded
from app.core.durations import UNITS
from otel import EnvSettings

PREFIX: Final = "LMS_"
SECRETS_DIR: Final = "LMS_SECRETS_DIR"


def _duration(value: object, read: Callable[[object], timedelta]) -> timedelta:
    """Reads ``90``, ``90s``, ``10m``, ``12h`` or ``14d``; leaves everything else to pydantic (ISO 8601)."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)([smhd]?)", value.strip())):
        return timedelta(seconds=int(match[1]) * UNITS[match[2] or "s"])
    try:
        return read(value)
    except ValidationError:
        raise ValueError("must be a duration such as 90s, 10m, 12h or 14d") from None


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than zero")
    return value


def ed25519_seed(value: SecretStr) -> SecretStr:
    """Returns ``value``; raises ValueError unless it is an Ed25519 seed in base64url (RFC 8032)."""
    text = value.get_secret_value()
    try:
        seed = decoded(text)
    except ValueError:
        seed = b""
    if len(seed) != 32:  # noqa: PLR2004 - RFC 8032: an Ed25519 seed is 32 bytes
        raise ValueError("must be 32 bytes in base64url (an Ed25519 seed)")
    return value


def url(*schemes: str) -> AfterValidator:
    """Returns a validator of URLs with one of these schemes."""

    def check(value: str) -> str:
        scheme, _, rest = value.partition("://")
        if scheme not in schemes or not rest.strip("/"):
            raise ValueError(f"must be a URL such as {schemes[0]}://host:port/name")
        return value

    return AfterValidator(check)


def base_url(value: str) -> str:
    """Returns an HTTP address without a trailing slash.

    Raises:
        ValueError: It is none, or has a login, which logs would show, a query or a fragment.
    """
    with suppress(ValueError):  # of a port that is impossible
        parts = urlsplit(value)
        odd = (parts.username, parts.password, parts.port == 0, parts.query, parts.fragment)
        if parts.scheme in {"http", "https"} and parts.hostname and not any(odd):
            return value.rstrip("/")
    raise ValueError("must be an address such as http://127.0.0.1:9090, without a login or a query")


Duration = Annotated[timedelta, WrapValidator(_duration), AfterValidator(_positive)]


class Group(EnvSettings):
    """A group of the platform's settings; ``LMS_`` and the field's name are the variable's."""

    model_config = SettingsConfigDict(alias_generator=lambda name: PREFIX + name.upper())
    prefix = PREFIX
    remedy = f"set it in the environment, in .env, or as a file in {SECRETS_DIR}"
