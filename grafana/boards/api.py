"""Board 2: is the API fast, and does it answer? Saturation and refusals are in api_saturation.py."""

from __future__ import annotations

from typing import Final

from grafana.board import Board, Choice, Row
from grafana.boards import requests
from grafana.boards.api_saturation import REFUSED, SATURATION
from grafana.boards.changes import CHANGES
from grafana.boards.common import KEPT, SERVED, USUAL, to
from grafana.boards.requests import OPERATION
from grafana.panels import About, Limit, Query, heat, lines, stat, table, traces, words

_ROUTE: Final = Choice("route", "Route", f"route:http_responses:increase5m{{{SERVED}}}", "http_route")
_OF_ROUTE: Final = f'{requests.ANSWERED}, http_route=~"$route"'
_CHOSEN: Final = f'{_OF_ROUTE}, instance=~"$instance"'
_NAMED: Final = "{{http_request_method}} {{http_route}}"
_LAST_WEEK: Final = "the same time last week"
_LOGS: Final = to("lms-logs", "Log lines", KEPT)
_STORES: Final = to("lms-stores", "Data stores", KEPT)
_NONE: Final = "no requests in this range"


def _by_operation(expression: str) -> str:
    """Returns the values with method and route as one label, by which the table joins them."""
    return f'label_join({expression}, "operation", " ", "http_request_method", "http_route")'


_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and where to look first.", width=24, height=3),
            "**Is the API fast, does it answer without errors, and which route is the exception?** Red "
            "number → the lines below it show which route and since when → a dot in *Duration of requests* "
            "is a single slow request: click it to open its trace. Choose a route above to see it alone. "
            "Figures by route are over all instances.",
        ),
        stat(
            About(
                "Requests per second",
                "Over five minutes, without probes and the monitoring API.",
                unit="reqps", width=6, height=4, empty=_NONE,
            ),
            Query(requests.rate(_OF_ROUTE), now=True),
        ),
        stat(
            About(
                "Requests that fail",
                "Share of the requests of five minutes that got a 5xx. Red: runbook ApiErrors.",
                unit="percentunit", width=6, height=4, limit=Limit("api_error_ratio"), links=(_LOGS,),
                empty=_NONE,
            ),
            Query(requests.failed(_OF_ROUTE), now=True),
        ),
        stat(
            About(
                "95 of 100 requests take less than",
                "The 95th percentile over five minutes. Red: runbook ApiSlow.",
                unit="s", width=6, height=4, limit=Limit("api_p95"), empty=_NONE,
            ),
            Query(requests.took(0.95, _OF_ROUTE), now=True),
        ),
        stat(
            About(
                "99 of 100 requests take less than",
                "The 99th percentile over five minutes: who waits longest. Red: runbook ApiHangs.",
                unit="s", width=6, height=4, limit=Limit("api_p99"), empty=_NONE,
            ),
            Query(requests.took(0.99, _OF_ROUTE), now=True),
        ),
    ),
)  # fmt: skip

_ROUTES: Final = Row(
    "Rate, errors, duration by route",
    (
        lines(
            About(
                "Requests per second by route",
                "The six busiest. A route that falls to zero alone is broken, or nothing links to it any "
                "more.",
                unit="reqps", width=8, empty=_NONE,
            ),
            Query(f"topk(6, {requests.rate(_OF_ROUTE, OPERATION)})", legend=_NAMED),
        ),
        lines(
            About(
                "Requests that fail, by route",
                "Share that got a 5xx, of the six worst. Above the line, from ${api_errors_min:text} errors "
                "in five minutes on, it alerts: runbook ApiErrors.",
                unit="percentunit", width=8, limit=Limit("api_error_ratio"), links=(_LOGS,), empty=_NONE,
            ),
            Query(f"topk(6, {requests.failed(_OF_ROUTE, OPERATION)})", legend=_NAMED),
        ),
        lines(
            About(
                "Duration by route, p95",
                "Of the six slowest. Above the line, from ${api_p95_requests_min:text} requests in five "
                "minutes on, it alerts: runbook ApiSlow.",
                unit="s", width=8, limit=Limit("api_p95"), empty=_NONE,
            ),
            Query(f"topk(6, {requests.took(0.95, _OF_ROUTE, OPERATION)} > 0)", legend=_NAMED),
        ),
        heat(
            About(
                "Duration of requests",
                "How many requests of five minutes took how long; a dot is a single request: click "
                "it to open its trace. Two bands are two kinds of requests: choose a route.",
                unit="s", height=9, empty=_NONE,
            ),
            Query(
                # The second part has no values, ever: it names the series whose exemplars are the dots.
                f"sum by (le) (route:http_response_buckets:increase5m{{{_OF_ROUTE}}} or "
                f"http_server_request_duration_seconds_bucket{{{_CHOSEN}}} @ end() < 0)",
                legend="{{le}}",
                buckets=True,
                exemplars=True,
            ),
        ),
        table(
            About(
                "Slowest routes",
                "Every route of five minutes, the slowest first. Slow and rarely used: a cold cache. Slow "
                "and busy: runbook ApiSlow; the board Data stores shows whether it waits for the database.",
                height=9, links=(_STORES,), empty=_NONE,
            ),
            Query(_by_operation(f"{requests.took(0.95, _OF_ROUTE, OPERATION)} > 0"), now=True),
            Query(_by_operation(f"{requests.took(0.5, _OF_ROUTE, OPERATION)} > 0"), now=True),
            Query(_by_operation(f"60 * {requests.rate(_OF_ROUTE, OPERATION)} > 0"), now=True),
            columns={
                "operation": "route",
                "Value #A": "p95",
                "Value #B": "median",
                "Value #C": "per minute",
            },
            units={"p95": "s", "median": "s"},
            sort="p95",
            joined="operation",
        ),
    ),
)  # fmt: skip

_TRACES: Final = Row(
    "Traces",
    (
        traces(
            About(
                "Slowest requests",
                "Up to 50 requests that took more than ${api_p95:text}, the slowest first. Open one: its "
                "longest span without a child is what it waited for. Runbook ApiSlow.",
                height=9, empty="no request took so long in this range",
            ),
            Query(requests.traces("duration > ${api_p95}s"), source="traces", most=50),
            slowest=True,
        ),
        traces(
            About(
                "Failed requests",
                "Up to 20 requests that failed, the newest first. Open one: the span with the error has its "
                "stack trace, and a link to the error report. Runbook ApiErrors.",
                height=9, links=(_LOGS,), empty="no request failed in this range",
            ),
            Query(requests.traces("status = error"), source="traces", most=20),
        ),
    ),
)  # fmt: skip

_COMPARED: Final = Row(
    "Against last week",
    (
        lines(
            About(
                "Requests per second, against last week",
                "Last week's line appears once there is a week of history. A sudden fall: runbook "
                "TrafficFellAway.",
                unit="reqps", width=8, empty=_NONE,
            ),
            Query(requests.rate(_OF_ROUTE), legend="now"),
            Query(requests.rate(_OF_ROUTE, since="offset 1w"), legend=_LAST_WEEK),
        ),
        lines(
            About(
                "Requests that fail, against last week",
                "A rise right after a deployment (vertical line) is a reason to roll it back: runbook "
                "ApiErrors.",
                unit="percentunit", width=8, limit=Limit("api_error_ratio"), empty=_NONE,
            ),
            Query(requests.failed(_OF_ROUTE), legend="now"),
            Query(requests.failed(_OF_ROUTE, since="offset 1w"), legend=_LAST_WEEK),
        ),
        lines(
            About(
                "Duration, p95, against last week",
                "Slower at the same traffic is a change of ours or of the database; slower with more "
                "traffic is load. Runbook ApiSlow.",
                unit="s", width=8, limit=Limit("api_p95"), empty=_NONE,
            ),
            Query(requests.took(0.95, _OF_ROUTE), legend="now"),
            Query(requests.took(0.95, _OF_ROUTE, since="offset 1w"), legend=_LAST_WEEK),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-api",
    title="API performance",
    question="Is the API fast, does it answer without errors, and which route is the exception?",
    sources=("metrics", "traces"),
    variables=(*USUAL, _ROUTE),
    rows=(_NOW, _ROUTES, _TRACES, _COMPARED, SATURATION, REFUSED),
    notes=CHANGES,
)
