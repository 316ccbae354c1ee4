"""Settings of the stores that the monitoring API asks."""

from __future__ import annotations

from app.core.settings.kinds import Group


class StoreSettings(Group):
    """Settings of the stores that the monitoring API asks."""
