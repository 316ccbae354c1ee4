"""Board 9: do we keep our promises, and for how long? Capacity and cost are in slo_capacity.py."""

from __future__ import annotations

from typing import Final

from grafana.board import Board, Choice, Row
from grafana.boards import slo_capacity
from grafana.boards.common import ENVIRONMENT, SERVICE, to
from grafana.panels import About, Limit, Panel, Query, bars, lines, stat, table, words

_SLO: Final = Choice("slo", "Objective", "slo:objective:ratio", "slo")
_CHOSEN: Final = 'slo=~"$slo"'
_BURNS: Final = (
    ("1h", "slo_burn_1h", "SloBurnFast", "the last hour"),
    ("6h", "slo_burn_6h", "SloBurnFast", "the last six hours"),
    ("1d", "slo_burn_1d", "SloBurnSlow", "the last day"),
    ("3d", "slo_burn_3d", "SloBurnSlow", "the last three days"),
)

_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and how to read it.", width=24, height=3),
            "**Do we keep our promises, for how long at this pace, and is there room for more learners?** A "
            "burn rate of 1 spends the error budget exactly by the end of its window; above a line an alert "
            "begins.",
        ),
        stat(
            About(
                "Fastest burn of the last hour",
                "Of all chosen objectives. Red, and the last five minutes as well: somebody is called, "
                "runbook SloBurnFast.",
                width=6, height=4, limit=Limit("slo_burn_1h"), links=(to("lms-alerts", "Alerts"),),
            ),
            Query(f"max(slo:burn_rate:ratio1h{{{_CHOSEN}}})", now=True),
        ),
        stat(
            About(
                "Least budget left",
                "Of the objective that has least. Below 0 the promise of this window is broken: stop risky "
                "releases, repair what spends it. Nothing yet: the first count comes five minutes after the "
                "start.",
                unit="percentunit", width=6, height=4,
            ),
            Query(f"min(slo:error_budget_left:ratio{{{_CHOSEN}}})", now=True),
        ),
        stat(
            About(
                "Days until a budget is spent",
                "Of the first objective whose budget ends, at the pace of the last three days; the whole "
                "window if none does. Failures also leave the window, so it usually lasts longer. Few: "
                "runbook SloBurnSlow.",
                width=6, height=4,
            ),
            Query(f"min(slo:error_budget_left:days{{{_CHOSEN}}})", now=True),
        ),
        slo_capacity.PRESSURE,
    ),
)  # fmt: skip

_BUDGETS: Final = Row(
    "Budgets",
    (
        bars(
            About(
                "Error budget left by objective",
                "Of each objective's own window. Empty: the promise is broken for this window.",
                unit="percentunit", width=8, height=10,
            ),
            Query(f"sort_desc(slo:error_budget_left:ratio{{{_CHOSEN}}})", legend="{{slo}}", now=True),
        ),
        table(
            About(
                "Objectives",
                "Of 10,000 events: how many may fail by the promise, and how many did in its window; and how "
                "long the budget lasts. The one with the fewest days deserves work (docs/alerting.md).",
                width=16, height=10,
            ),
            Query(
                f"10000 * (1 - max by (slo, owner, window) (slo:objective:ratio{{{_CHOSEN}}}))", now=True
            ),
            Query(f"10000 * (1 - sum by (slo) (slo:good:ratio{{{_CHOSEN}}}))", now=True),
            Query(f"sum by (slo) (slo:error_budget_left:ratio{{{_CHOSEN}}})", now=True),
            Query(f"sum by (slo) (slo:burn_rate:ratio1d{{{_CHOSEN}}})", now=True),
            Query(f"sum by (slo) (slo:error_budget_left:days{{{_CHOSEN}}})", now=True),
            columns={
                "slo": "Objective", "owner": "Owner", "window": "Window", "Value #A": "May fail",
                "Value #B": "Failed", "Value #C": "Budget left", "Value #D": "Burn, 1 day",
                "Value #E": "Days left",
            },
            units={"Budget left": "percentunit"},
            joined="slo",
        ),
    ),
)  # fmt: skip


def _burn(window: str, limit: str, alert: str, span: str) -> Panel:
    return lines(
        About(
            f"Burn rate over {span}",
            f"How many times faster than the budget allows. Above the line, and in a shorter window as well: "
            f"runbook {alert}.",
            width=12, limit=Limit(limit), links=(to("lms-api", "API performance"),),
        ),
        Query(f"topk(10, slo:burn_rate:ratio{window}{{{_CHOSEN}}})", legend="{{slo}}"),
    )  # fmt: skip


_BURN: Final = Row("Burn", tuple(_burn(*each) for each in _BURNS))

_FORECAST: Final = Row(
    "Forecast",
    (
        lines(
            About(
                "Budget left over time",
                "Where a line would meet 0 if it goes on. A step down is an incident; a slope is a fault "
                "that everybody has got used to.",
                unit="percentunit",
            ),
            Query(f"slo:error_budget_left:ratio{{{_CHOSEN}}}", legend="{{slo}}"),
            least=None,
        ),
        lines(
            About(
                "Days until the budget is spent",
                "At the pace of the three days before each moment. At most the objective's window.",
            ),
            Query(f"bottomk(10, slo:error_budget_left:days{{{_CHOSEN}}})", legend="{{slo}}"),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-slo",
    title="SLO and capacity",
    question="Do we keep our promises, for how long at this pace, and is there room for more learners?",
    variables=(_SLO, ENVIRONMENT, SERVICE, *slo_capacity.PRICES),
    rows=(_NOW, _BUDGETS, _BURN, _FORECAST, slo_capacity.CAPACITY, slo_capacity.COST),
    span="24h",
    refresh="1m",
)
