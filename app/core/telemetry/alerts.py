"""Metrics of alerts: what happened to them, and how long people took."""

from __future__ import annotations

from typing import Final

from otel import Counter, Histogram

_SEVERITY: Final = ("page", "warning", "info", "none")
_SECONDS: Final = (
    5.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    86400.0,
)

ALERT_TRANSITIONS: Final = Counter(
    "lms.alert.transitions",
    unit="{transition}",
    description="Steps in the lives of alerts, each counted once by all instances.",
    attributes={
        "kind": (
            "pending",
            "firing",
            "notified",
            "escalated",
            "silenced",
            "acknowledged",
            "silence_ended",
            "inhibited",
            "inhibition_ended",
            "resolved",
            "resolution_sent",
        ),
        "severity": _SEVERITY,
    },
)
ALERT_TIME_TO_NOTIFY: Final = Histogram(
    "lms.alert.time_to_notify",
    unit="s",
    description="From firing until the first notification reached the platform's webhook.",
    attributes={"severity": _SEVERITY},
    buckets=_SECONDS,
)
ALERT_TIME_TO_ACKNOWLEDGE: Final = Histogram(
    "lms.alert.time_to_acknowledge",
    unit="s",
    description="From firing until somebody acknowledged the alert; sum by count is the MTTA.",
    attributes={"severity": _SEVERITY},
    buckets=_SECONDS,
)
ALERT_TIME_TO_RESOLVE: Final = Histogram(
    "lms.alert.time_to_resolve",
    unit="s",
    description="From firing until the alert was resolved; sum by count is the MTTR.",
    attributes={"severity": _SEVERITY},
    buckets=_SECONDS,
)
ALERT_FLAPS: Final = Counter(
    "lms.alert.flaps",
    unit="{alert}",
    description="Alerts that fired within 15 minutes of their own resolution.",
    attributes={"severity": _SEVERITY},
)
ALERTS_UNATTENDED: Final = Counter(
    "lms.alert.unattended",
    unit="{alert}",
    description="Alerts with notifications that ended before anybody acknowledged or commented.",
    attributes={"severity": _SEVERITY},
)
ALERT_NOTIFICATIONS: Final = Counter(
    "lms.alert.notifications",
    unit="{alert}",
    description="Alerts in notifications that Alertmanager posted; postponed: the database was away and the "
    "process retries, dropped: too many waited, truncated: left out by Alertmanager, refused: the database "
    "does not take it, and the log says why.",
    attributes={"outcome": ("recorded", "postponed", "dropped", "truncated", "refused")},
)
ALERT_RECONCILIATIONS: Final = Counter(
    "lms.alert.reconciliations",
    unit="{run}",
    description="Comparisons of the history with Alertmanager and Prometheus; partial: one of them was away, "
    "or some alert could not be recorded.",
    attributes={"outcome": ("complete", "partial", "failed")},
)

ALERT_METRICS: Final = (
    ALERT_TRANSITIONS,
    ALERT_TIME_TO_NOTIFY,
    ALERT_TIME_TO_ACKNOWLEDGE,
    ALERT_TIME_TO_RESOLVE,
    ALERT_FLAPS,
    ALERTS_UNATTENDED,
    ALERT_NOTIFICATIONS,
    ALERT_RECONCILIATIONS,
)
