"""Board 7: what do the logs say about this request, this user, this error?"""

from __future__ import annotations

from typing import Final

from grafana import log_queries as logql
from grafana.board import Board, Row, Text
from grafana.boards.common import CHOSEN, USUAL, to
from grafana.panels import About, Query, lines, logs, stat, table, words

_SEARCHED: Final = (
    logql.containing("request_id", "${request_id:regex}"),
    logql.containing("trace_id", "${trace_id:regex}"),
    logql.containing("user_id", "${user_id:regex}"),
    logql.saying("${text:regex}"),
)
_ERRORS: Final = logql.at_least(logql.ERROR)
_WARNINGS: Final = logql.at_least(logql.WARNING)
_FOUND: Final = "Only what the boxes at the top search for; an empty box searches for everything."

_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and how to search.", width=24, height=3),
            "**What do the logs say about this request, this user, this error?** Paste a request id (from an "
            "error page or `X-Request-ID`), a trace id or a user id into the boxes above; parts are enough. "
            "A line's trace id leads to its trace.",
        ),
        stat(
            About("Lines found", _FOUND, width=6, height=4),
            Query(logql.count(*_SEARCHED), source="logs", now=True),
        ),
        stat(
            About(
                "Errors found",
                f"Lines of ERROR or worse. {_FOUND} More than usual: the table of errors below names the "
                f"place; "
                "runbook ApiErrors.",
                width=6, height=4,
            ),
            Query(logql.count(*_SEARCHED, _ERRORS), source="logs", now=True),
        ),
        stat(
            About(
                "Lines held back",
                "Not written, because one message repeated beyond the burst limit, or not exported. They are "
                "counted and gone; the first of each burst was written.",
                width=6, height=4, links=(to("collector", "Telemetry pipeline"),),
            ),
            Query(
                f"sum(increase(telemetry_log_records_held_back_total{{{CHOSEN}}}[$__range])) "
                f"or 0 * count(target_info{{{CHOSEN}}})",
                now=True,
            ),
        ),
        stat(
            About(
                "Newest line in the store",
                "What the telemetry canary last found there. Minutes old: what you search for may not have "
                "arrived: runbook TelemetryCanaryLost.",
                unit="s", width=6, height=4, links=(to("collector", "Telemetry pipeline"),),
            ),
            Query('min(time() - telemetry_canary_last_arrival_timestamp_seconds{signal="logs"})', now=True),
        ),
    ),
)  # fmt: skip

_VOLUME: Final = Row(
    "How much, of what",
    (
        lines(
            About(
                "Lines by level",
                "Errors that rise with all lines are traffic; errors that rise alone are a fault. " + _FOUND,
            ),
            Query(logql.volume(["severity_text"], *_SEARCHED), source="logs", legend="{{severity_text}}"),
        ),
        lines(
            About(
                "Lines by service",
                "A service that falls silent is down or cannot export: board Telemetry pipeline. " + _FOUND,
                links=(to("collector", "Telemetry pipeline"),),
            ),
            Query(logql.volume(["service_name"], *_SEARCHED), source="logs", legend="{{service_name}}"),
        ),
        table(
            About(
                "Top errors",
                "Lines of ERROR or worse, by where they were logged and the error's type. The first row "
                "first: runbook ApiErrors.",
            ),
            Query(
                logql.top(
                    10, ["service_name", "logger", "exception_type", "http_route"], *_SEARCHED, _ERRORS
                ),
                source="logs", now=True,
            ),
            columns={
                "service_name": "Service", "logger": "Logger", "exception_type": "Error",
                "http_route": "Route", "Value #A": "Lines",
            },
            sort="Lines",
        ),
        table(
            About(
                "Loudest loggers",
                "What most lines come from, of any level: what to quieten if logs cost too much "
                "(TELEMETRY_LOG_LEVELS).",
            ),
            Query(
                logql.top(10, ["service_name", "logger", "severity_text"], *_SEARCHED),
                source="logs", now=True,
            ),
            columns={
                "service_name": "Service", "logger": "Logger", "severity_text": "Level", "Value #A": "Lines",
            },
            sort="Lines",
        ),
    ),
)  # fmt: skip

_LINES: Final = Row(
    "Lines",
    (
        logs(
            About(
                "Warnings and errors",
                "The newest 200. Open a line for its fields: trace_id leads to the trace, request_id finds "
                "the rest of the request.",
                width=24, height=10,
            ),
            Query(logql.lines(*_SEARCHED, _WARNINGS), source="logs"),
        ),
        logs(
            About(
                "All lines",
                "The newest 200 of every level. " + _FOUND,
                width=24, height=14,
            ),
            Query(logql.lines(*_SEARCHED), source="logs"),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-logs",
    title="Logs",
    question="What do the logs say about this request, this user, this error?",
    sources=("metrics", "logs"),
    variables=(
        *USUAL,
        Text("request_id", "Request ID"),
        Text("trace_id", "Trace ID"),
        Text("user_id", "User ID"),
        Text("text", "Text"),
    ),
    rows=(_NOW, _VOLUME, _LINES),
)
