"""Settings of the history of alerts."""

from __future__ import annotations

from pydantic import Field

from app.core.settings.kinds import Group


class AlertSettings(Group):
    """Settings of the history of alerts."""

    alert_history_days: int = Field(
        default=400, ge=1, le=3650, description="How long the history of alerts is kept."
    )
    alert_reconcile_seconds: float = Field(
        default=15,
        gt=0,
        le=600,
        description="How often the history is compared with Alertmanager and Prometheus.",
    )
