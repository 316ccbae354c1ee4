"""Settings of who reaches the platform and from where, and of the record of what admins do."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from app.core.addresses import Proxies
from app.core.settings.kinds import Group

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?")


def _proxies(value: str) -> str:
    Proxies.read(value)
    return value


def _origins(value: str) -> str:
    wrong = [origin for origin in origins(value) if not _ORIGIN.fullmatch(origin)]
    if wrong:
        raise ValueError("must be origins such as https://learn.example.org, separated by commas")
    return value


def origins(value: str) -> list[str]:
    """Returns the origins in a setting."""
    return [origin.strip() for origin in value.split(",") if origin.strip()]


class AccessSettings(Group):
    """Settings of who reaches the platform and from where, and of the record of what admins do."""

    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        default="",
        description="Networks of proxies whose word about a client's address is believed "
        "(10.0.0.0/8,fd00::/8; unix: peers on a Unix socket); empty: the peer is the client.",
    )
    forwarded_header: Annotated[
        Literal["x-forwarded-for", "forwarded"], BeforeValidator(lambda value: value or "x-forwarded-for")
    ] = Field(
        default="x-forwarded-for",
        description="The header in which these proxies name the client: x-forwarded-for or forwarded; the "
        "other is ignored.",
    )
    sessions_per_user: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Sessions that a user may have; one more ends the least recently used one.",
    )
    cors_origins: Annotated[str, AfterValidator(_origins)] = Field(
        default="",
        description="Origins of web pages that may use the API (https://learn.example.org,...); empty: none.",
    )
    audit_days: int = Field(
        default=400, ge=1, le=3650, description="How long the record of what admins did is kept."
    )
