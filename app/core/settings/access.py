"""Settings of who reaches the platform and from where, and of the record of what admins do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.core.addresses import Proxies
from app.core.settings.kinds import Group


def _proxies(value: str) -> str:
    Proxies.read(value)
    return value


class AccessSettings(Group):
    """Settings of who reaches the platform and from where, and of the record of what admins do."""

    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        default="",
        description="Networks of proxies whose word about a client's address is believed "
        "(10.0.0.0/8,fd00::/8; unix: peers on a Unix socket); empty: the peer is the client.",
    )
    forwarded_header: Literal["", "x-forwarded-for", "forwarded"] = Field(
        default="",
        description="The header in which these proxies name the client: x-forwarded-for or forwarded; the "
        "other is ignored. Empty: either; if both are sent and differ, the peer is the client.",
    )
    audit_days: int = Field(
        default=400, ge=1, le=3650, description="How long the record of what admins did is kept."
    )
