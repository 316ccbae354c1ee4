"""Board 1: is the platform healthy, and are people learning? The screen that an admin sees first."""

from __future__ import annotations

from typing import Final

from grafana import log_queries, looks
from grafana.board import Board, Row
from grafana.boards import requests
from grafana.boards.changes import CHANGES
from grafana.boards.common import CHOSEN, KEPT, SERVED, USUAL, to
from grafana.boards.firing import NONE, UNKNOWN, firing, firing_list
from grafana.panels import About, Limit, Query, bars, lines, logs, stat, timeline, words

_API: Final = to("lms-api", "API performance", KEPT)
_BUSINESS: Final = to("lms-business", "Learning and business", KEPT)
_SLO: Final = to("lms-slo", "SLO and capacity")
_ON_CALL: Final = to("lms-alerts", "Alerts and on-call")
_LOGS: Final = to("lms-logs", "Logs", KEPT)
_CHECKS: Final = f"check:health_status:worst{{{SERVED}}}"
_HEALTH: Final = {"0": ("healthy", looks.GOOD), "1": ("degraded", looks.WARN), "2": ("failing", looks.BAD)}
_LAST_WEEK: Final = "the same time last week"


_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and where to go from here.", width=24, height=3),
            "**Is the platform healthy, and are people learning?** Everything green: nothing to do. Red: "
            "the alerts below say what is broken; each has its runbook and a link to acknowledge it. The "
            "vertical lines are what changed: deployments, starts, configurations, pages and escalations.",
        ),
        stat(
            About(
                "Health",
                "The worst result of all health checks of the last 90 seconds; the timeline below shows "
                "which check. Degraded or failing: runbooks HealthCheckDegraded and HealthCheckFailing.",
                width=6, height=4, empty="no check has reported yet",
            ),
            Query(f"max({_CHECKS})", now=True),
            states=_HEALTH,
        ),
        stat(
            About(
                "Pages firing",
                "Alerts for which somebody acts now, whether acknowledged or not. Red: acknowledge them, "
                "then follow the runbook of each.",
                width=6, height=4, base=looks.BAD, links=(_ON_CALL,), empty=UNKNOWN,
            ),
            Query(firing("page"), now=True),
            states=NONE,
        ),
        stat(
            About(
                "Error budget left",
                "Of the objective that has the least: the share of its allowed failures of 30 days that is "
                "left. Red: it is spent; runbooks SloBurnFast and SloBurnSlow.",
                unit="percentunit", width=6, height=4, base=looks.GOOD, links=(_SLO,),
                empty="no objective has been measured yet",
            ),
            Query('min(slo:error_budget_left:ratio{service_name=~"$service"})', now=True),
            states={"<=0": ("", looks.BAD)},
        ),
        stat(
            About(
                "Learners active",
                "Different people who did something within the last five minutes. It has no threshold: what "
                "is usual at this hour is on the board Learning and business.",
                width=6, height=4, links=(_BUSINESS,), empty="nobody yet",
            ),
            Query(f'max(lms_users_active{{{CHOSEN}, window="5m"}})', now=True),
        ),
        stat(
            About(
                "Requests per second",
                "Of learners, without probes and the monitoring API, over five minutes.",
                unit="reqps", width=6, height=4, links=(_API,),
            ),
            Query(requests.rate(), now=True),
        ),
        stat(
            About(
                "Requests that fail",
                "Share of the requests of five minutes that got a 5xx. Red from the share at which a single "
                "route alerts: runbook ApiErrors.",
                unit="percentunit", width=6, height=4, limit=Limit("api_error_ratio"), links=(_API,),
            ),
            Query(requests.failed(), now=True),
        ),
        stat(
            About(
                "Duration, p95",
                "95 of 100 requests of five minutes took less, over all routes. Red: runbook ApiSlow; the "
                "board API performance shows which route.",
                unit="s", width=6, height=4, limit=Limit("api_p95"), links=(_API,),
            ),
            Query(requests.took(0.95), now=True),
        ),
        stat(
            About(
                "Instances",
                "Whether the platform's instances answer Prometheus. Some do not: runbook LmsInstanceDown; "
                "none does: LmsDown.",
                width=6, height=4, empty="Prometheus knows none",
            ),
            Query('min(up{job="lms"}) + max(up{job="lms"})', now=True),
            states={
                "2": ("all answer", looks.GOOD),
                "1": ("some do not answer", looks.WARN),
                "0": ("none answers", looks.BAD),
            },
        ),
    ),
)  # fmt: skip

_BROKEN: Final = Row(
    "What is broken",
    (
        firing_list(12, _ON_CALL),
        timeline(
            About(
                "Health checks",
                "The status of each check, as of the last 90 seconds at each point. What each measures and "
                "what to do is in docs/health.md; runbooks HealthCheckDegraded, HealthCheckFailing and "
                "HealthCheckFlapping.",
                width=12, height=9, empty="no check has reported yet",
            ),
            Query(f"max by (check) ({_CHECKS})", legend="{{check}}"),
            states=_HEALTH,
        ),
    ),
)  # fmt: skip

_TRAFFIC: Final = Row(
    "Traffic, errors, latency",
    (
        lines(
            About(
                "Requests, against last week",
                "Of learners. A sudden fall with no errors: runbook TrafficFellAway. Last week's line "
                "appears once there is a week of history.",
                unit="reqps", width=8, links=(_API,),
            ),
            Query(requests.rate(), legend="now"),
            Query(requests.rate(since="offset 1w"), legend=_LAST_WEEK),
        ),
        lines(
            About(
                "Requests that fail, over time",
                "Share of requests that got a 5xx. The line is where a single route alerts: runbook "
                "ApiErrors.",
                unit="percentunit", width=8, limit=Limit("api_error_ratio"), links=(_API,),
            ),
            Query(requests.failed(), legend="5xx"),
        ),
        lines(
            About(
                "How long requests take",
                "Median and 95th percentile. The line is where a single route alerts: runbook ApiSlow.",
                unit="s", width=8, limit=Limit("api_p95"), links=(_API,),
            ),
            Query(requests.took(0.5), legend="median"),
            Query(requests.took(0.95), legend="p95"),
        ),
    ),
)  # fmt: skip

_LEARNING: Final = Row(
    "Learning, and what was promised",
    (
        lines(
            About(
                "Learners active, over time",
                "Different people within five minutes, an hour and a day.",
                width=8, links=(_BUSINESS,), empty="nobody yet",
            ),
            Query(f"max by (window) (lms_users_active{{{CHOSEN}}})", legend="within {{window}}"),
        ),
        lines(
            About(
                "Done within an hour",
                "What all learners did. Far from what is usual at this hour: runbooks AnomalyDetected and "
                "ActivityFellAway.",
                width=8, links=(_BUSINESS,),
            ),
            Query("lms:logins:increase1h", legend="logins"),
            Query("lms:registrations:increase1h", legend="registrations"),
            Query("lms:enrollments:increase1h", legend="enrolments"),
            Query("lms:submissions:increase1h", legend="quizzes handed in"),
        ),
        bars(
            About(
                "Error budget left by objective",
                "The share of the allowed failures of 30 days that is left. No bar: spent; runbooks "
                "SloBurnFast and SloBurnSlow.",
                unit="percentunit", width=8, links=(_SLO,),
                empty="no objective has been measured yet",
            ),
            Query('sort(slo:error_budget_left:ratio{service_name=~"$service"})', legend="{{slo}}", now=True),
        ),
    ),
)  # fmt: skip

_ERRORS: Final = Row(
    "Errors in the logs",
    (
        logs(
            About(
                "Latest errors",
                "Log lines of level ERROR and worse, the newest first; open one for its trace and request "
                "id.",
                width=24, height=8, links=(_LOGS,), empty="no errors in this range",
            ),
            Query(log_queries.lines(log_queries.at_least(log_queries.ERROR)), source="logs", most=50),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-overview",
    title="Overview",
    question="Is the platform healthy, and are people learning? What is broken, and what changed?",
    sources=("metrics", "logs"),
    variables=USUAL,
    rows=(_NOW, _BROKEN, _TRAFFIC, _LEARNING, _ERRORS),
    notes=CHANGES,
)
