"""Board 2: is the API fast, and does it answer?"""

from __future__ import annotations

from typing import Final

from grafana.board import Board, Row
from grafana.boards.common import CHOSEN, USUAL
from grafana.panels import About, Limit, Query, heat, lines

BOARD: Final = Board(
    uid="lms-api",
    title="API performance",
    question="Is the API fast, does it answer without errors, and which route is the exception?",
    sources=("metrics", "traces", "logs"),
    variables=USUAL,
    rows=(
        Row(
            "Rate, errors, duration",
            (
                lines(
                    About(
                        "Requests per second by route",
                        "How much each route is used. A route that falls to zero alone is broken.",
                        unit="reqps",
                    ),
                    Query(
                        "sum by (http_route) (rate(http_server_request_duration_seconds_count"
                        f"{{{CHOSEN}}}[$__rate_interval]))",
                        legend="{{http_route}}",
                    ),
                ),
                heat(
                    About(
                        "Duration of requests",
                        "How long requests take; a dot is a single request: click it to open its trace.",
                        unit="s",
                        limit=Limit("api_p95"),
                    ),
                    Query(
                        "sum by (le) (increase(http_server_request_duration_seconds_bucket"
                        f"{{{CHOSEN}}}[$__rate_interval]))",
                        legend="{{le}}",
                        buckets=True,
                        exemplars=True,
                    ),
                ),
            ),
        ),
    ),
)
