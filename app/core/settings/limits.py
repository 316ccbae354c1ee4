"""Settings of rate limiting."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from app.core.settings.kinds import Group


class LimitSettings(Group):
    """Settings of rate limiting."""

    rate_limits: Path | None = Field(
        default=None,
        description="Rules of the rate limiter (docs/rate-limits.md); unset: app/rate-limits.yml.",
    )
    rate_limit_redis_seconds: float = Field(
        default=0.05, gt=0, le=10, description="How long Redis may take to decide on a request."
    )
    rate_limit_instances: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Least number of processes that share the limits while Redis is away.",
    )
