"""What changed, as vertical lines: deployments, starts, configurations, pages, escalations."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.board import Note
from grafana.boards.common import CHOSEN, SERVED
from grafana.queries import Query

_VERSIONS: Final = f'target_info{{{SERVED}, service_version!=""}}'
DEPLOYED: Final = Note(
    "Deployments",
    # A process that ended reports for five minutes more: a version that was away for less has restarted.
    Query(
        f"count by (service_name, service_version) ({_VERSIONS}) unless "
        f"count by (service_name, service_version) ({_VERSIONS} offset 6m)"
    ),
    title="{{service_name}} {{service_version}} deployed",
    color=looks.CALM,
)
STARTED: Final = Note(
    "Starts",
    # Two export intervals of a minute: the first point of a process is at most one old.
    Query(f"process_uptime_seconds{{{CHOSEN}}} < 120"),
    title="{{service_name}} started on {{instance}}",
    color=looks.FAINT,
)
CONFIGURED: Final = Note(
    "Configurations",
    Query(
        "changes(prometheus_config_last_reload_success_timestamp_seconds[$__rate_interval]) > 0"
        " or changes(alertmanager_config_last_reload_success_timestamp_seconds[$__rate_interval]) > 0"
        " or otelcol_process_uptime_seconds_total < 60"
    ),
    title="{{job}} read its configuration",
    color=looks.SERIES[3],
)
PAGED: Final = Note(
    "Pages",
    Query('count by (alertname, service_name) (ALERTS{alertstate="firing", severity="page"})'),
    title="{{alertname}} ({{service_name}})",
    color=looks.BAD,
)
_ESCALATED: Final = (
    'lms_alert_transitions_total{deployment_environment_name=~"$environment", kind="escalated"}'
)
ESCALATED: Final = Note(
    "Escalations",
    # While the Collector is down, no count arrives: an increase over a short window would lose the
    # escalations of that page. They are marked when the counts are back.
    Query(f"sum by (severity) ({_ESCALATED} - last_over_time({_ESCALATED}[1h] offset $__rate_interval) > 0)"),
    title="Nobody acknowledged a {{severity}}: escalated",
    color=looks.WARN,
)
CHANGES: Final = (DEPLOYED, STARTED, CONFIGURED, PAGED, ESCALATED)
