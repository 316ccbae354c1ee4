"""Takes Alertmanager's notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from fastapi import APIRouter, Depends, Request, status

from app.core.errors import DatabaseUnavailable, Forbidden, Invalid, Unauthenticated
from app.core.telemetry import ALERT_NOTIFICATIONS
from app.http.auth import TOKEN_REFUSALS, Authentication, Credentials
from app.http.problems import refusals
from app.http.storable import replaces_nul
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.payload import Notification
from app.monitoring.parameters import require_known_parameters
from otel import get_logger

RATE_TAG: Final = "alert-notifications"
_log = get_logger(service="alerts")


class AlertsTokenWrong(Unauthenticated):
    """The bearer token is nobody's."""

    code = "alerts_token_wrong"
    title = "Token of alerts not valid"
    sentence = "The bearer token is not the one in LMS_ALERTS_TOKEN: restart Alertmanager with that one."
    example: ClassVar[Mapping[str, Any]] = {}


class OnlyAlertmanager(Forbidden):
    """A person, or the metrics token, posts what only Alertmanager may."""

    code = "only_alertmanager"
    title = "Only for Alertmanager"
    sentence = "Only Alertmanager posts here, with the bearer token in LMS_ALERTS_TOKEN."


async def require_alertmanager(credentials: Credentials, authentication: Authentication) -> None:
    """Requires the token of alerts, compared in constant time.

    Raises:
        Unauthenticated: The request has no token, or one that is nobody's.
        OnlyAlertmanager: The token is a user's, or that of metrics.
    """
    if credentials is None:
        raise Unauthenticated
    if authentication.is_alerts_token(credentials.credentials):
        return
    if not authentication.is_metrics_token(credentials.credentials):
        try:
            await authentication.principal(credentials.credentials)
        except Unauthenticated:
            raise AlertsTokenWrong from None
    raise OnlyAlertmanager


def history_of(request: Request) -> AlertHistory:
    """Returns the application's history of alerts."""
    found: AlertHistory = request.app.state.alert_history
    return found


History = Annotated[AlertHistory, Depends(history_of)]
router = APIRouter()


@router.post(
    "/webhook",
    status_code=status.HTTP_204_NO_CONTENT,
    tags=[RATE_TAG],
    dependencies=[Depends(require_alertmanager), Depends(require_known_parameters)],
    responses=refusals(*TOKEN_REFUSALS, AlertsTokenWrong, OnlyAlertmanager, Invalid, DatabaseUnavailable),
)
@replaces_nul  # which labels may have; what is refused is not sent again
async def notified(notification: Notification, history: History) -> None:
    """Records whom Alertmanager has notified of which alerts; answers once that is stored.

    With 503 Alertmanager repeats it. It may send the same thing any number of times.
    """
    _count_truncated(notification)
    await history.receive(notification.notices(history.clock.now()))


def _count_truncated(notification: Notification) -> None:
    """Counts the alerts that a group lacks: their lives are recorded by the next comparison."""
    if notification.truncated_alerts:
        ALERT_NOTIFICATIONS.add(notification.truncated_alerts, {"outcome": "truncated"})
        _log.warning(
            "alert_notification_truncated",
            receiver=notification.receiver,
            alerts=notification.truncated_alerts,
        )
