"""The weekly and monthly report: objectives, incidents, noise and business figures, as a mail."""

from app.monitoring.report.delivery import CHECK_SECONDS, Reports
from app.monitoring.report.wiring import reports_of, sources_of

__all__ = ["CHECK_SECONDS", "Reports", "reports_of", "sources_of"]
