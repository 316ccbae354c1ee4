"""The alerts that fire, and what people do about them."""

from app.monitoring.alerts.router import router

__all__ = ["router"]
