"""Settings of rate limiting."""

from __future__ import annotations

from app.core.settings.kinds import Group


class LimitSettings(Group):
    """Settings of rate limiting."""
