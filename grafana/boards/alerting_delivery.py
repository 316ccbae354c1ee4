"""Of board 4: whether what fires gets through Alertmanager to people, and what silences keep back."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.board import Row
from grafana.boards.firing import NONE, SILENCES
from grafana.panels import About, Limit, Query, bars, lines, stat

DELIVERY: Final = Row(
    "Whether it reaches people",
    (
        lines(
            About(
                "Notifications sent, by channel",
                "Per hour. A channel is not listed until its first use (`make alert-test` tries them all). "
                "(The webhook is the platform's history.)",
                width=8, empty="no notification has been sent yet",
            ),
            Query(
                "3600 * sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval])) "
                "and on (integration) sum by (integration) (alertmanager_notifications_total) > 0",
                legend="{{integration}}",
            ),
        ),
        lines(
            About(
                "Notifications given up, by channel and reason",
                "Within 15 minutes. Any: runbook AlertmanagerNotificationsFail; all channels: "
                "AlertmanagerReachesNobody.",
                width=8, empty="no notification has been sent yet",
            ),
            Query(
                "sum by (integration, reason) (increase(alertmanager_notifications_failed_total[15m])) "
                "and on (integration) sum by (integration) (alertmanager_notifications_total) > 0",
                legend="{{integration}}: {{reason}}",
            ),
        ),
        lines(
            About(
                "Prometheus → Alertmanager, share that failed",
                "Over five minutes, by Alertmanager. Above the line: runbook PrometheusNotificationsFail.",
                unit="percentunit", width=8, limit=Limit("notification_errors_share"),
            ),
            Query(
                "sum by (alertmanager) (rate(prometheus_notifications_errors_total[5m])) / "
                "(sum by (alertmanager) (rate(prometheus_notifications_sent_total[5m])) > 0)",
                legend="{{alertmanager}}",
            ),
        ),
        bars(
            About(
                "Silences",
                "Acknowledgements and quiet times. Active ones keep alerts from people; end those that "
                "nobody needs any more.",
                width=6, height=6, links=(SILENCES,),
            ),
            Query("max by (state) (alertmanager_silences)", legend="{{state}}", now=True),
        ),
        bars(
            About(
                "Alerts that Alertmanager has",
                "The Watchdog is always one of the active. Suppressed: silenced, or explained by another "
                "alert.",
                width=6, height=6,
            ),
            Query("max by (state) (alertmanager_alerts)", legend="{{state}}", now=True),
        ),
        stat(
            About(
                "Alertmanagers answering",
                "None or some: runbook AlertmanagerDown. Only one, and it is alone: without it no alert "
                "reaches anybody.",
                width=6, height=6,
            ),
            Query('sum(up{job="alertmanager"})', legend="answer", now=True),
            Query('count(up{job="alertmanager"})', legend="known", now=True),
        ),
        stat(
            About(
                "Rules that fail, alerts dropped",
                "Within 15 minutes: evaluations of rules that failed, and alerts that Prometheus dropped. "
                "Red: runbooks PrometheusRuleFailures and PrometheusNotificationsDropped.",
                width=6, height=6, base=looks.BAD,
            ),
            *(
                Query(f"round(sum(increase({metric}[15m])))", legend=legend, now=True)
                for metric, legend in (
                    ("prometheus_rule_evaluation_failures_total", "failed"),
                    ("prometheus_notifications_dropped_total", "dropped"),
                )
            ),
            states=NONE,
        ),
        lines(
            About(
                "Recorded in the history",
                "Alerts in notifications that reached the platform's own history, per hour. Anything but "
                "recorded: its log says why.",
                width=12, height=6,
            ),
            Query(
                "3600 * sum by (outcome) (rate(lms_alert_notifications_total"
                '{deployment_environment_name=~"$environment"}[$__rate_interval]))',
                legend="{{outcome}}",
            ),
        ),
        lines(
            About(
                "Time to send a notification",
                "Mean by channel. Seconds: the channel is slow, and Alertmanager tries again for minutes.",
                unit="s", width=12, height=6, empty="no notification has been sent in this range",
            ),
            Query(
                "sum by (integration) "
                "(rate(alertmanager_notification_latency_seconds_sum[$__rate_interval])) / (sum by "
                "(integration) (rate(alertmanager_notification_latency_seconds_count[$__rate_interval])) > "
                "0)",
                legend="{{integration}}",
            ),
        ),
    ),
)  # fmt: skip
