"""Answers from several sources: what a source that is away leaves out is named."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

from pydantic import BaseModel, Field

from app.infra.stores import StoreUnavailable

Found = TypeVar("Found")

ADDRESSES: Final = {
    "alertmanager": "LMS_ALERTMANAGER_URL",
    "logs": "LMS_VICTORIALOGS_URL or LMS_LOKI_URL",
    "prometheus": "LMS_PROMETHEUS_URL",
    "traces": "LMS_JAEGER_URL or LMS_TEMPO_URL",
}
"""The settings that say where a source is."""


class MissingSource(BaseModel):
    """A source that this answer lacks."""

    source: str = Field(description="Its name.", examples=["victorialogs"])
    reason: str = Field(description="What happened.", examples=["did not answer within 3 s"])


class Partial(BaseModel):
    """An answer that may lack a source."""

    partial: bool = Field(
        default=False, description="Whether a source did not answer, or had nothing.", examples=[False]
    )
    missing: list[str] = Field(default=[], description="These sources.", examples=[[]])
    reasons: list[MissingSource] = Field(default=[], description="Why, for each of them.", examples=[[]])


class Sources:
    """Asks sources and keeps account of those that do not answer."""

    def __init__(self) -> None:
        self._missing: dict[str, str] = {}

    def lacks(self, source: str, reason: str) -> None:
        """Notes that a source is missing."""
        self._missing[source] = reason

    def not_configured(self, source: str) -> None:
        """Notes that a source has no address."""
        self.lacks(source, f"is not configured: set {ADDRESSES[source]}")

    def has_nothing(self, source: str) -> None:
        """Notes that a source answers, but not about this service: that is no sign of health."""
        self.lacks(source, "has no figures of this service in this period")

    async def ask(self, answer: Awaitable[Found], default: Found) -> Found:
        """Returns the answer of a store; ``default`` and a note if it is away."""
        try:
            return await answer
        except StoreUnavailable as error:
            self.lacks(error.source, error.reason)
            return default

    def account(self) -> Partial:
        """Returns what is missing so far."""
        reasons = [MissingSource(source=name, reason=why) for name, why in self._missing.items()]
        return Partial(partial=bool(reasons), missing=list(self._missing), reasons=reasons)
