"""The alerts that fire and those that have fired, and what people do about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.core.errors import CursorInvalid, DatabaseUnavailable
from app.monitoring.alerts import acknowledge, comments, webhook
from app.monitoring.alerts.filters import AlertFilters
from app.monitoring.alerts.listing import AlertUnknown, Finder
from app.monitoring.alerts.shapes import AlertId, AlertOut, AlertsOut
from app.monitoring.operators import operators_or

router = APIRouter(prefix="/alerts")
router.include_router(webhook.router)
router.include_router(acknowledge.router)
router.include_router(comments.router)


@router.get("", **operators_or(CursorInvalid))
async def alerts(filters: Annotated[AlertFilters, Query()], finder: Finder) -> AlertsOut:
    """Lists alerts: those that fire, silenced and inhibited ones too, or those of another state."""
    return await finder.page(filters)


@router.get("/{alert_id}", **operators_or(AlertUnknown, DatabaseUnavailable))
async def alert(alert_id: AlertId, finder: Finder) -> AlertOut:
    """Returns an alert with its life: who was notified, who acted, and how it ended."""
    return await finder.one(alert_id)
