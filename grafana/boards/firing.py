"""Which alerts fire, and where people acknowledge them."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.panels import About, Link, Panel, alerts

# Nobody is notified of severity none: the Watchdog always fires, RecentOutage only inhibits.
FIRING: Final = '{severity=~"page|warning|info"}'
# Grafana's pages of the external Alertmanager, by the provisioned source's name: a variable lists only
# sources of metrics. There each alert has a button that fills in a silence of all its labels: of fewer, it
# would silence other alerts too.
ACKNOWLEDGE: Final = Link("Acknowledge", "/alerting/groups?alertmanager=Alertmanager")
SILENCES: Final = Link("Silences", "/alerting/silences?alertmanager=Alertmanager")
# Of a count of what should not be there: its state; the colour of any other number is its panel's base.
NONE: Final = {"0": ("none", looks.GOOD)}
UNKNOWN: Final = "no rule is evaluated"


def firing(severity: str) -> str:
    """Returns how many alerts of a severity fire: 0 only while the Watchdog does, which always fires."""
    return (
        f'count(ALERTS{{alertstate="firing", severity="{severity}"}}) '
        'or 0 * count(ALERTS{alertname="Watchdog"})'
    )


def firing_list(width: int, more: Link) -> Panel:
    """Returns the alerts that fire, with links to acknowledge them and ``more`` about them."""
    return alerts(
        About(
            "Alerts firing",
            "All but those of severity none, the newest first. Acknowledge a page within "
            "${escalation_second_line:text}, or it escalates (docs/incident-response.md).",
            width=width,
            height=9,
            empty="no alert is firing",
            links=(ACKNOWLEDGE, SILENCES, more),
        ),
        firing=FIRING,
    )
