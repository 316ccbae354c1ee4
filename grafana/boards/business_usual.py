"""Of board 3: what became of those who registered in a week, and what is usual at this hour of the week."""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.boards.common import CHOSEN, to
from grafana.panels import About, Query, bars, lines, table

_ON_CALL: Final = to("lms-alerts", "Alerts and on-call")
_COHORTS: Final = "no cohort has been counted yet"


def _cohort(step: str) -> str:
    """Returns how many learners of each week's cohort took a step within four weeks.

    The cohort ``older`` is of those who registered before the last eight weeks. It has no registrations, so
    no panel shows it.
    """
    return f'round(sum by (cohort) (increase(lms_cohort_learners_total{{{CHOSEN}, step="{step}"}}[4w])))'


COHORTS: Final = Row(
    "Cohorts: learners by the week in which they registered",
    (
        table(
            About(
                "Cohorts of four weeks",
                "What became of those who registered in a week (ISO 8601), until now, whatever the range "
                "shown; of the oldest week, a part. Far fewer enrol than of other weeks: runbook "
                "ConversionCollapsed.",
                width=12, height=7, empty=_COHORTS,
            ),
            *(
                Query(f"{_cohort(step)} and on (cohort) {_cohort('registered')} > 0", now=True)
                for step in ("registered", "enrolled", "completed")
            ),
            columns={
                "cohort": "week",
                "Value #A": "registered",
                "Value #B": "enrolled",
                "Value #C": "completed a course",
            },
            sort="week",
            joined="cohort",
        ),
        bars(
            About(
                "Share of a cohort that enrolled",
                "Of those who registered in each of four weeks. A young cohort still grows.",
                unit="percentunit", width=6, height=7, empty=_COHORTS,
            ),
            Query(f"{_cohort('enrolled')} / ({_cohort('registered')} > 0)", legend="{{cohort}}", now=True),
        ),
        bars(
            About(
                "Share of a cohort that completed",
                "Of those who registered in each of four weeks, how many finished a course. A young cohort "
                "still grows.",
                unit="percentunit", width=6, height=7, empty=_COHORTS,
            ),
            Query(f"{_cohort('completed')} / ({_cohort('registered')} > 0)", legend="{{cohort}}", now=True),
        ),
    ),
)  # fmt: skip

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
