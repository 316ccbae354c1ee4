"""The rate limiter's own state, as operators see it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field

from app.infra.rate_limits import LimiterState


class LimiterOut(BaseModel):
    """The state of the rate limiter of the process that answered."""

    backend: Literal["redis", "local"] = Field(description="Who decides at present.")
    breaker: Literal["closed", "open", "half_open"] = Field(
        description="closed: Redis is asked; open: it is not; half_open: one request tries it."
    )
    instances: int = Field(description="By how many a limit is divided without Redis.", examples=[2])
    rules: int = Field(description="Rules in force.", examples=[12])
    rules_version: str = Field(
        description="First digits of the hash of the rules file.", examples=["3f9ad2c4b1e0"]
    )
    rules_error: str | None = Field(
        description="Why the file on disk is not in force; null if it is.", examples=[None]
    )
    last_error: str | None = Field(description="Type of Redis's last failure.", examples=[None])

    @classmethod
    def of(cls, state: LimiterState) -> Self:
        """Returns ``state`` as it is shown."""
        return cls.model_validate(state, from_attributes=True)
