"""The stores that the monitoring API asks, each behind one client with one time limit."""

from app.infra.stores.alertmanager import Alertmanager
from app.infra.stores.client import StoreClient, StoreNotConfigured, StoreUnavailable
from app.infra.stores.opened import Stores, open_stores
from app.infra.stores.prometheus import Prometheus, Sample, Series

__all__ = [
    "Alertmanager",
    "Prometheus",
    "Sample",
    "Series",
    "StoreClient",
    "StoreNotConfigured",
    "StoreUnavailable",
    "Stores",
    "open_stores",
]
