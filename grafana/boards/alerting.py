"""Board 4: what fires, does it reach people, and is it worth their time? Its second half is delivery."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.board import Board, Row
from grafana.boards.alerting_delivery import DELIVERY
from grafana.boards.changes import ESCALATED, PAGED
from grafana.boards.common import ENVIRONMENT, to
from grafana.boards.firing import ACKNOWLEDGE, NONE, UNKNOWN, firing, firing_list
from grafana.panels import About, Query, bars, lines, stat, table, timeline, words

_OVERVIEW: Final = to("lms-overview", "Overview")
_WHERE: Final = 'deployment_environment_name=~"$environment"'
_NOTIFIED: Final = 'alertstate="firing", severity=~"page|warning|info"'
_STEPS: Final = f"lms_alert_transitions_total{{{_WHERE}"
_STATES: Final = {
    "1": ("pending", looks.WARN),
    "2": ("firing", looks.BAD),
    "3": ("notifies nobody", looks.FAINT),
}
_NONE: Final = "no alert has ended yet"


def _mean(of: str, window: str) -> str:
    """Returns the mean of a time within the window; where none was recorded in it, of all so far.

    A histogram exists from its first value on, which therefore is in no increase.
    """
    total, times = (f"lms_alert_time_to_{of}_seconds_{each}{{{_WHERE}}}" for each in ("sum", "count"))
    recent = f"sum(increase({total}[{window}])) / (sum(increase({times}[{window}])) > 0)"
    return f"{recent} or sum({total}) / sum({times})"


def _counted(kind: str) -> str:
    return f'round(sum(increase({_STEPS}, kind="{kind}"}}[$__range])))'


_NOW: Final = Row(
    "Now",
    (
        words(
            About(
                "What this board answers",
                "The question, how to acknowledge an alert, and where its runbook is.",
                width=24, height=3,
            ),
            "**What fires, does it reach people, and is it worth their time?** An alert is acknowledged by "
            "silencing exactly it: the link *Acknowledge* leads there, and it stops the escalation. Each "
            "alert's runbook is in its annotations (and in alertmanager/runbooks). `make report` prints the "
            "week.",
        ),
        stat(
            About(
                "Pages firing",
                "Somebody acts now, at night too. Red: acknowledge, then follow the runbook.",
                width=6, height=4, base=looks.BAD, links=(ACKNOWLEDGE,), empty=UNKNOWN,
            ),
            Query(firing("page"), now=True),
            states=NONE,
        ),
        stat(
            About(
                "Warnings firing",
                "Somebody acts within the working day.",
                width=6, height=4, base=looks.WARN, links=(ACKNOWLEDGE,), empty=UNKNOWN,
            ),
            Query(firing("warning"), now=True),
            states=NONE,
        ),
        stat(
            About(
                "Mean time to acknowledge (MTTA)",
                "From firing until somebody acknowledged, in the range shown, or of all so far if nobody "
                "did in it. Alerts that nobody acknowledged are not in it.",
                unit="s", width=6, height=4, empty="nobody has acknowledged an alert yet",
            ),
            Query(_mean("acknowledge", "$__range"), now=True),
        ),
        stat(
            About(
                "Mean time to resolve (MTTR)",
                "From firing until it was over, in the range shown, or of all so far if none ended in it.",
                unit="s", width=6, height=4, empty="no alert has ended yet",
            ),
            Query(_mean("resolve", "$__range"), now=True),
        ),
        firing_list(10, _OVERVIEW),
        timeline(
            About(
                "History",
                "When each alert fired or was pending, the twelve with the most time. Bars that begin "
                "together have one cause, and the first one names it. A gap in the Watchdog's bar is a gap "
                "in alerting itself.",
                width=14, height=9, empty="no rule has been evaluated yet",
            ),
            Query(
                'max by (alertname) (3 * ALERTS{severity="none"} or 2 * ALERTS{alertstate="firing"} '
                "or ALERTS) and on (alertname) "
                "topk(12, sum by (alertname) (count_over_time(ALERTS[$__range] @ end())))",
                legend="{{alertname}}",
            ),
            states=_STATES,
        ),
    ),
)  # fmt: skip

_PEOPLE: Final = Row(
    "How people react",
    (
        lines(
            About(
                "Time to notify, acknowledge and resolve",
                "Means of the day before each point. To notify: from firing until the first notification, "
                "which grouping delays on purpose (${page_group_wait:text} for pages). Longer: runbook "
                "AlertmanagerNotificationsFail.",
                unit="s", width=12, empty=_NONE,
            ),
            Query(_mean("notify", "1d"), legend="to notify"),
            Query(_mean("acknowledge", "1d"), legend="to acknowledge (MTTA)"),
            Query(_mean("resolve", "1d"), legend="to resolve (MTTR)"),
        ),
        bars(
            About(
                "What happened to alerts",
                "Steps in the range shown, each counted once: fired, notified, acknowledged, escalated, "
                "kept back by another alert (inhibited), over.",
                width=6,
            ),
            Query(
                f'sort_desc(round(sum by (kind) (increase({_STEPS}, kind!~"pending|.*_ended|.*_sent", '
                'severity!="none"}[$__range]))))',
                legend="{{kind}}", now=True,
            ),
        ),
        stat(
            About(
                "Unattended and escalated",
                "Alerts of the range that ended before anybody acknowledged or commented: nobody needed "
                "them, or nobody saw them. Escalated: nobody acknowledged in time. Red: talk about it in "
                "the review.",
                width=6, base=looks.BAD,
            ),
            Query(
                f'round(sum(increase(lms_alert_unattended_total{{{_WHERE}, severity="page"}}[$__range])))',
                legend="pages unattended", now=True,
            ),
            Query(_counted("escalated"), legend="escalations", now=True),
            states=NONE,
        ),
    ),
)  # fmt: skip

_NOISE: Final = Row(
    "Noise",
    (
        table(
            About(
                "Which alerts fire most",
                "In the range shown: how often each began to fire, and for how many minutes in all. Often "
                "and briefly: raise its `for` or its threshold, or delete it.",
                width=12, empty="no alert has fired in this range",
            ),
            Query(
                f"sum by (alertname) (sum_over_time((count by (alertname) (ALERTS{{{_NOTIFIED}}} unless "
                f"ALERTS{{{_NOTIFIED}}} offset 1m))[$__range:1m]))",
                now=True,
            ),
            Query(f"sum_over_time((max by (alertname) (ALERTS{{{_NOTIFIED}}}))[$__range:1m])", now=True),
            columns={"alertname": "alert", "Value #A": "times", "Value #B": "minutes"},
            sort="minutes",
            joined="alertname",
        ),
        lines(
            About(
                "Flaps and notifications in a day",
                "Of the day before each point: alerts that fired again within 15 minutes of their end, and "
                "alerts that people were notified of. Many flaps: the alert needs a longer "
                "`keep_firing_for`.",
                width=6,
            ),
            Query(f"sum(increase(lms_alert_flaps_total{{{_WHERE}}}[1d]))", legend="flaps"),
            Query(f'sum(increase({_STEPS}, kind="notified"}}[1d]))', legend="notified"),
        ),
        stat(
            About(
                "Notifications per alert",
                "In the range shown: of the alerts that fired, how many led to a first notification. Close "
                "to 1: grouping and inhibition save nobody a message.",
                width=6, empty="no alert has fired in this range",
            ),
            Query(
                f'sum(increase({_STEPS}, kind="notified", severity!="none"}}[$__range])) / '
                f'(sum(increase({_STEPS}, kind="firing", severity!="none"}}[$__range])) > 0)',
                now=True,
            ),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-alerts",
    title="Alerts and on-call",
    question="What fires, does it reach people, and is it worth their time?",
    variables=(ENVIRONMENT,),
    rows=(_NOW, _PEOPLE, _NOISE, DELIVERY),
    notes=(PAGED, ESCALATED),
    span="24h",
)
