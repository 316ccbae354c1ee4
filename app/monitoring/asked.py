"""What the handlers of the monitoring API need: the stores and the time."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.core.clock import Clock
from app.infra.stores import Alertmanager, StoreNotConfigured, Stores
from app.monitoring.partial import ADDRESSES


def stores_of(request: Request) -> Stores:
    """Returns the application's stores."""
    found: Stores = request.app.state.stores
    return found


def clock_of(request: Request) -> Clock:
    """Returns the application's clock."""
    found: Clock = request.app.state.clock
    return found


AskedStores = Annotated[Stores, Depends(stores_of)]
Now = Annotated[Clock, Depends(clock_of)]


def alertmanager_of(stores: AskedStores) -> Alertmanager:
    """Returns Alertmanager.

    Raises:
        StoreNotConfigured: Its address is not set.
    """
    if stores.alertmanager is None:
        raise StoreNotConfigured(source="alertmanager", variable=ADDRESSES["alertmanager"])
    return stores.alertmanager


AskedAlertmanager = Annotated[Alertmanager, Depends(alertmanager_of)]
