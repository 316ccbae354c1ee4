"""Of board 3: what became of those who registered in a week, and what is usual at this hour of the week."""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.boards.common import CHOSEN, to
from grafana.panels import About, Query, bars, lines, table

_ON_CALL: Final = to("lms-alerts", "Alerts and on-call")
_WEEKS: Final = {0: "the last 7 days", 1: "1 week earlier", 2: "2 weeks earlier", 3: "3 weeks earlier"}


def _in_week(step: str, week: int) -> str:
    since = f" offset {week}w" if week else ""
    return f'sum(increase(lms_funnel_learners_total{{{CHOSEN}, step="{step}"}}[1w]{since}))'


COHORTS: Final = Row(
    "Week by week",
    tuple(
        bars(
            About(title, description, width=8, height=6, empty="no week of history yet"),
            *(Query(_in_week(step, week), legend=named, now=True) for week, named in _WEEKS.items()),
        )
        for step, title, description in (
            (
                "registered",
                "New learners by week",
                "Accounts created in each of four weeks, whatever the range shown.",
            ),
            ("enrolled", "First enrolments by week", "Learners who took their first course in that week."),
            (
                "completed",
                "First completions by week",
                "Learners who finished their first course in that week.",
            ),
        )
    ),
)

UNUSUAL: Final = Row(
    "What is usual at this hour of the week",
    (
        lines(
            About(
                "$figure within an hour, and what is usual",
                "Outside of the band for a quarter of an hour: runbook AnomalyDetected. Choose the figure "
                "above; latency is in seconds, the others are events. The band appears after a week.",
                width=12, links=(_ON_CALL,),
            ),
            Query('anomaly:value:1h{anomaly_name=~"$figure"}', legend="now"),
            Query('anomaly:value:lower{anomaly_name=~"$figure"}', legend="usual, at least"),
            Query('anomaly:value:upper{anomaly_name=~"$figure"}', legend="usual, at most"),
        ),
        table(
            About(
                "All figures and their bands",
                "Of the last hour. Without a band there is less than a week of history, or too few events "
                "to say. Outside: runbook AnomalyDetected; far fewer although learners are there: "
                "ActivityFellAway.",
                width=12, links=(_ON_CALL,),
            ),
            Query("anomaly:value:1h", now=True),
            Query("anomaly:value:median", now=True),
            Query("anomaly:value:lower", now=True),
            Query("anomaly:value:upper", now=True),
            columns={
                "anomaly_name": "figure",
                "Value #A": "now",
                "Value #B": "usual",
                "Value #C": "at least",
                "Value #D": "at most",
            },
            joined="anomaly_name",
        ),
    ),
)  # fmt: skip
