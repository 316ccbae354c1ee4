"""The part of board 6 about rate limits."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.board import Row
from grafana.boards.common import CHOSEN, SERVED, to
from grafana.panels import About, Limit, Panel, Query, lines, stat, timeline

_DECIDED: Final = "rule:rate_limit_outcomes:increase5m"
_STATE: Final = "lms_rate_limit_breaker_state_ratio"


def _share(part: str) -> str:
    """Returns the share of the decisions of five minutes: 0 while there is none of the part."""
    every = f"sum({_DECIDED}{{{SERVED}}})"
    return f"(sum({_DECIDED}{{{SERVED}, {part}}}) or 0 * {every}) / ({every} > 0)"


NOW: Final[tuple[Panel, ...]] = (
    stat(
        About(
            "Requests refused by a rate limit",
            "Share of the decisions of five minutes. Red: an attack, or a limit that is too low: runbook "
            "RateLimitStorm.",
            unit="percentunit", width=6, height=4, limit=Limit("rate_limit_refused_ratio"),
        ),
        Query(_share('lms_rate_limit_outcome="refused"'), now=True),
    ),
    stat(
        About(
            "Counted without Redis",
            "Share of decisions that each process made alone. Red: Redis is slow or away, and limits are "
            "enforced by shares: runbook RateLimitFallback.",
            unit="percentunit", width=6, height=4, limit=Limit("rate_limit_local_ratio"),
        ),
        Query(_share('lms_rate_limit_backend="local"'), now=True),
    ),
    stat(
        About(
            "Breakers not closed",
            "Processes whose circuit breaker is open, so that Redis is not even asked, or half open. Not 0: "
            "runbook RateLimitBreakerOpen.",
            width=6, height=4,
        ),
        Query(
            f'sum(last_over_time({_STATE}{{{CHOSEN}, lms_rate_limit_breaker_state!="closed"}}[90s]))',
            now=True,
        ),
    ),
    stat(
        About(
            "Waits without a connection",
            "Requests that failed because no connection became free. Not 0: runbook ConnectionTimeouts.",
            width=6, height=4, limit=Limit("connection_timeouts"),
        ),
        Query(
            f"sum(increase(db_client_connection_timeouts_total{{{CHOSEN}}}[$__range])) "
            f"or 0 * sum(db_client_connection_max{{{CHOSEN}}})",
            now=True,
        ),
    ),
)  # fmt: skip

ROW: Final = Row(
    "Rate limits",
    (
        lines(
            About(
                "Decisions per second by outcome",
                "shadow_refused: let through by a rule that only measures. Refusals that rise with all "
                "requests are a limit that is too low.",
                unit="reqps", width=8,
            ),
            Query(
                f"sum by (lms_rate_limit_outcome) ({_DECIDED}{{{SERVED}}}) / 300",
                legend="{{lms_rate_limit_outcome}}",
            ),
        ),
        lines(
            About(
                "Refused per second by rule",
                "The ten rules that refuse most. One rule alone: runbook RateLimitStorm; without pause: "
                "RateLimitRefusesConstantly.",
                unit="reqps", width=8, links=(to("lms-logs", "Log lines"),),
            ),
            Query(
                "topk(10, sum by (lms_rate_limit_rule) "
                f'({_DECIDED}{{{SERVED}, lms_rate_limit_outcome="refused"}}) / 300 '
                f"or 0 * sum by (lms_rate_limit_rule) ({_DECIDED}{{{SERVED}}}))",
                legend="{{lms_rate_limit_rule}}",
            ),
        ),
        lines(
            About(
                "Decisions per second by who counted",
                "redis: all processes together. local: each alone, because Redis was late or away: runbook "
                "RateLimitFallback.",
                unit="reqps", width=8,
            ),
            Query(
                f"sum by (lms_rate_limit_backend) ({_DECIDED}{{{SERVED}}}) / 300",
                legend="{{lms_rate_limit_backend}}",
            ),
        ),
        lines(
            About(
                "p95 until Redis has decided",
                "By outcome; failed: Redis answered too late or not at all. Near "
                "LMS_RATE_LIMIT_REDIS_SECONDS the fallback takes over.",
                unit="s", width=12,
            ),
            Query(
                "histogram_quantile(0.95, sum by (le, lms_rate_limit_outcome) "
                f"(rule:rate_limit_duration_buckets:increase5m{{{SERVED}}})) > 0",
                legend="{{lms_rate_limit_outcome}}",
            ),
        ),
        timeline(
            About(
                "Breaker by process",
                "open: Redis is not asked; half open: one request tries. Red for longer than a restart of "
                "Redis: runbook RateLimitBreakerOpen.",
                width=12,
            ),
            Query(
                f'sum by (instance) ({_STATE}{{{CHOSEN}, lms_rate_limit_breaker_state="half_open"}})'
                f' + 2 * sum by (instance) ({_STATE}{{{CHOSEN}, lms_rate_limit_breaker_state="open"}})',
                legend="{{instance}}",
            ),
            states={"0": ("closed", looks.GOOD), "1": ("half open", looks.WARN), "2": ("open", looks.BAD)},
        ),
    ),
)  # fmt: skip
