"""Settings of health checks."""

from __future__ import annotations

from app.core.settings.kinds import Group


class HealthSettings(Group):
    """Settings of health checks."""
