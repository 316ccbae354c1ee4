"""A small board without a fault, which tests break."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.board import Board, Note, Row
from grafana.boards.common import CHOSEN, USUAL
from grafana.lint.shown import Shown
from grafana.panels import About, Limit, Link, Query, lines, stat, table, words
from stack.alerting.thresholds import Thresholds

RATE: Final = "Requests per second"
SLOW: Final = "p95"
UP: Final = "Collector"
ROUTES: Final = "Routes"
WORDS: Final = "What this board answers"

_COUNT: Final = "http_server_request_duration_seconds_count"
_BUCKET: Final = "http_server_request_duration_seconds_bucket"
_NOW: Final = Row(
    "Now",
    (
        words(
            About(WORDS, "The question, and how to read what is below.", width=24, height=3),
            "**Is it fast?**",
        ),
        stat(
            About(UP, "Whether every Collector answers. DOWN: runbook CollectorDown.", width=6, height=4),
            Query('min(up{job="collector"})', now=True),
            states={"1": ("up", looks.GOOD), "0": ("DOWN", looks.BAD)},
        ),
        lines(
            About(
                RATE,
                "How much the platform is used; a fall to zero is an outage.",
                unit="reqps",
                links=(Link("Again", "/d/sample?${__url_time_range}&var-service=${service}"),),
            ),
            Query(
                f"sum by (http_route) (rate({_COUNT}{{{CHOSEN}}}[$__rate_interval]))", legend="{{http_route}}"
            ),
        ),
    ),
)
_ROUTES: Final = Row(
    "By route",
    (
        lines(
            About(
                SLOW,
                "How long requests take. Above the line: runbook ApiSlow.",
                unit="s",
                limit=Limit("api_p95"),
            ),
            Query(
                f"histogram_quantile(0.95, sum by (le) (rate({_BUCKET}{{{CHOSEN}}}[$__rate_interval])))",
                legend="p95",
            ),
        ),
        table(
            About(ROUTES, "What each route answered in the last hour, the busiest first."),
            Query(f"sum by (http_route) (increase({_COUNT}{{{CHOSEN}}}[1h]))", now=True),
            columns={"http_route": "Route", "Value": "Requests"},
        ),
    ),
    collapsed=True,
)
BOARD: Final = Board(
    uid="sample",
    title="A sample",
    question="Is it fast?",
    variables=USUAL,
    rows=(_NOW, _ROUTES),
    notes=(Note("Starts", Query("changes(up[$__rate_interval]) > 0"), "{{instance}} started", looks.FAINT),),
)


def sample() -> Shown:
    """Returns the board anew, so that a test can break it."""
    return Shown.of(BOARD, Thresholds.load())
