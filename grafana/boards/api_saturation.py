"""Of board 2: what the API runs out of, and whom it turns away."""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.boards import requests
from grafana.boards.common import CHOSEN, KEPT, LOOP_DELAYS, POOLS_USED, SERVED, to
from grafana.panels import About, Limit, Query, lines

_RESOURCES: Final = to("lms-resources", "Resources and runtime", KEPT)
_STORES: Final = to("lms-stores", "Data stores", KEPT)
_FULL: Final = f'lms_requests_refused_total{{{SERVED}, code="too_many_connections"}}'

_DECISIONS: Final = f"lms_rate_limit_decisions_total{{{SERVED}"
_DECIDED: Final = f"sum by (lms_rate_limit_rule) (increase({_DECISIONS}}}[5m]))"
_DENIED: Final = (
    f'sum by (lms_rate_limit_rule) (increase({_DECISIONS}, lms_rate_limit_outcome="refused"}}[5m]))'
)

SATURATION: Final = Row(
    "What it runs out of",
    (
        lines(
            About(
                "Requests in progress",
                "By instance, of the eight with the most, as reported in the last 90 seconds. Above the "
                "line they arrive faster than they are answered: runbook ApiSaturated.",
                width=8, limit=Limit("api_active_requests"),
            ),
            Query(
                f"topk(8, sum by (instance) (last_over_time(http_server_active_requests{{{CHOSEN}}}[90s])))",
                legend="{{instance}}",
            ),
        ),
        lines(
            About(
                "Delay of the event loop, p99",
                "How late one timer in a hundred is, over five minutes: every request of the process waits "
                "that long. Above the line: runbook EventLoopBlocked.",
                unit="s", width=8, limit=Limit("event_loop_lag"), links=(_RESOURCES,),
            ),
            LOOP_DELAYS,
        ),
        lines(
            About(
                "Connections to stores in use",
                "Share of each pool, of the eight fullest. Above the line a burst finds none free: runbook "
                "ConnectionPoolFull.",
                unit="percentunit", width=8, limit=Limit("connection_pool_used"), links=(_STORES,),
            ),
            POOLS_USED,
        ),
        lines(
            About(
                "Turns to hash a password",
                "Per second: logins and registrations. Refused means that the queue was full and the "
                "learner got 503: runbook PasswordQueueFull.",
                unit="ops", width=12, height=7,
            ),
            Query(
                f"sum by (outcome) (rate(lms_password_turns_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="{{outcome}}",
            ),
        ),
        lines(
            About(
                "Turns to hash a password refused in five minutes",
                "Above the line: runbook PasswordQueueFull.",
                width=12, height=7, limit=Limit("password_turns_refused"),
            ),
            Query(
                f'sum(increase(lms_password_turns_total{{{CHOSEN}, outcome="refused"}}[5m]))',
                legend="refused",
            ),
        ),
    ),
)  # fmt: skip

REFUSED: Final = Row(
    "Whom it turns away",
    (
        lines(
            About(
                "Connections refused",
                "Share of requests that found all connections taken, over five minutes; they are in no "
                "other figure of this board. Above the line: runbook ApiConnectionsRefused.",
                unit="percentunit", width=8, limit=Limit("api_refused_ratio"),
            ),
            Query(
                f"sum(increase({_FULL}[5m])) / (sum(increase({_FULL}[5m])) + "
                f"sum(route:http_responses:increase5m{{{SERVED}}}))",
                legend="refused",
            ),
        ),
        lines(
            About(
                "Refused before the application, by reason",
                "Per second: too many connections, or what is no valid request. Much of the latter is a "
                "scanner, and harmless.",
                unit="reqps", width=8,
            ),
            Query(
                f"sum by (code) (rate(lms_requests_refused_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="{{code}}",
            ),
        ),
        lines(
            About(
                "Answers 4xx by status",
                "Per second, of the eight most frequent. 401: sign-ins and sessions; 422: a client sends "
                "something else than the API takes; 429: rate limits (runbook RateLimitStorm).",
                unit="reqps", width=8, empty="no 4xx in this range",
            ),
            Query(
                "topk(8, "
                + requests.rate(
                    f'{requests.ANSWERED}, http_route=~"$route", http_response_status_code=~"4.."',
                    "http_response_status_code",
                )
                + ")",
                legend="{{http_response_status_code}}",
            ),
        ),
        lines(
            About(
                "Refused by rate limits, by rule",
                "Share of a rule's decisions of five minutes, of the six that refuse most. Above the "
                "line, from ${rate_limit_refusals_min:text} refusals on: runbook RateLimitStorm.",
                unit="percentunit", width=24, height=7, limit=Limit("rate_limit_refused_ratio"),
                links=(_STORES,),
            ),
            Query(
                f"topk(6, ({_DENIED} or 0 * {_DECIDED}) / ({_DECIDED} > 0))",
                legend="{{lms_rate_limit_rule}}",
            ),
        ),
    ),
)  # fmt: skip
