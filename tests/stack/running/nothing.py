"""What is blank on a stack that was started a minute ago, each with the reason.

What needs an incident is not blank after one: tests/stack/alerts/test_incidents.py has one, and executes
every query of lms-alerts then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stack.boards.dashboards import Dashboard, Panel
from tests.stack.running.executed import Ran

_WEEK: Final = "needs what was a week ago"
_USUAL: Final = "needs two weeks from which to learn what is usual"
# By board / panel / query.
EMPTY: Final[dict[str, str]] = {
    "lms-api / Requests per second, against last week / B": _WEEK,
    "lms-api / Requests that fail, against last week / B": _WEEK,
    "lms-api / Duration, p95, against last week / B": _WEEK,
    "lms-overview / Requests, against last week / B": _WEEK,
    "lms-business / Registered → enrolled within six hours / B": _USUAL,
    "lms-business / $figure within an hour, and what is usual / B": _USUAL,
    "lms-business / $figure within an hour, and what is usual / C": _USUAL,
    "lms-business / All figures and their bands / B": _USUAL,
    "lms-business / All figures and their bands / C": _USUAL,
    "lms-business / All figures and their bands / D": _USUAL,
}
_INCIDENT: Final = "needs an incident, of which tests before may have had one"
_CHANNEL: Final = "needs a channel for alerts and an incident, which tests before may have had"
_SENT: Final = "needs alerts that were sent for some time, as in an incident"
_SLOW: Final = "only a busy machine has queries of more than 100 ms"
_FULL: Final = "only a disk that fills has a time until it is full"
_FEW: Final = "of few registrations the share is chance: the threshold conversion_minimum"
# What may be empty or not, by chance.
PERHAPS: Final[dict[str, str]] = {
    "lms-api / annotation Pages / A": _INCIDENT,
    "lms-alerts / annotation Pages / A": _INCIDENT,
    "lms-overview / annotation Pages / A": _INCIDENT,
    "lms-api / annotation Escalations / A": _INCIDENT,
    "lms-alerts / annotation Escalations / A": _INCIDENT,
    "lms-overview / annotation Escalations / A": _INCIDENT,
    "lms-alerts / Notifications sent, by channel / A": _CHANNEL,
    "lms-alerts / Notifications given up, by channel and reason / A": _CHANNEL,
    "lms-alerts / Time to send a notification / A": _CHANNEL,
    "lms-business / Registered → enrolled within six hours / A": _FEW,
    "lms-resources / Hours until a disk is full / A": _FULL,
    "lms-resources / Hours until full / A": _FULL,
    "lms-alerts / Mean time to resolve (MTTR) / A": _INCIDENT,
    "lms-alerts / Time to notify, acknowledge and resolve / C": _INCIDENT,
    "lms-alerts / Mean time to acknowledge (MTTA) / A": _INCIDENT,
    "lms-alerts / Time to notify, acknowledge and resolve / A": _INCIDENT,
    "lms-alerts / Time to notify, acknowledge and resolve / B": _INCIDENT,
    "lms-alerts / Which alerts fire most / A": _INCIDENT,
    "lms-alerts / Which alerts fire most / B": _INCIDENT,
    "lms-alerts / Notifications per alert / A": _INCIDENT,
    "lms-alerts / Prometheus → Alertmanager, share that failed / A": _SENT,
    "lms-stores / Costliest shapes of slow queries / A": _SLOW,
    "lms-stores / Most frequent shapes of slow queries / A": _SLOW,
}


_YOUNG: Final = "the stack has not run for long enough"
# Panels that may have nothing to show although a query of theirs finds something, by board / panel.
PANELS: Final[dict[str, str]] = {
    "lms-alerts / Alerts firing": "no alert fires on a quiet machine",
    "lms-overview / Alerts firing": "no alert fires on a quiet machine",
    "lms-overview / Error budget left": _YOUNG,
    "lms-overview / Error budget left by objective": _YOUNG,
    "lms-slo / Least budget left": _YOUNG,
    "lms-slo / Days until a budget is spent": _YOUNG,
    "lms-slo / Error budget left by objective": _YOUNG,
    "lms-slo / Burn rate over the last day": _YOUNG,
    "lms-slo / Burn rate over the last three days": _YOUNG,
    "lms-slo / Budget left over time": _YOUNG,
    "lms-slo / Days until the budget is spent": _YOUNG,
}


def names(board: Dashboard) -> Iterator[str]:
    """Yields the name of each query of a board: of variables, panels and annotations."""
    asking = (each.name for each in board.variables if each.kind == "query")
    yield from (f"{board.uid} / variable {name} / A" for name in asking)
    for panel in board.panels:
        yield from asked(board, panel)
    yield from (f"{board.uid} / annotation {each.name} / {each.target.ref_id}" for each in board.annotations)


def asked(board: Dashboard, panel: Panel) -> list[str]:
    """Returns the name of each query of a panel."""
    return [f"{board.uid} / {panel.title} / {each.ref_id}" for each in panel.targets]


def expected(ran: Ran) -> bool:
    """Returns whether the query may be empty."""
    return ran.name in EMPTY or ran.name in PERHAPS


def may_be_empty(board: Dashboard, panel: Panel) -> bool:
    """Returns whether a panel may have nothing to show."""
    return f"{board.uid} / {panel.title}" in PANELS or _unfilled(board, panel)


def _unfilled(board: Dashboard, panel: Panel) -> bool:
    """Returns whether every query of a panel may be empty."""
    queries = asked(board, panel)
    return bool(queries) and {*queries} <= EMPTY.keys() | PERHAPS.keys()


def stale(boards: Iterable[Dashboard]) -> list[str]:
    """Returns the entries that are of nothing any more, or that another one covers."""
    listed = list(boards)
    panels = {f"{board.uid} / {panel.title}": (board, panel) for board in listed for panel in board.panels}
    known = {name for board in listed for name in names(board)} | panels.keys()
    gone = [f"{name}: no board has it" for name in (*EMPTY, *PERHAPS, *PANELS) if name not in known]
    covered = [name for name in PANELS if name in panels and _unfilled(*panels[name])]
    both = [f"{name}: is in EMPTY and in PERHAPS" for name in EMPTY.keys() & PERHAPS.keys()]
    return gone + both + [f"{name}: each of its queries is in EMPTY or PERHAPS" for name in covered]


def unneeded(ran: Iterable[Ran]) -> list[str]:
    """Returns the entries of EMPTY whose query is not empty."""
    return [f"{each.name}: is not empty" for each in ran if each.name in EMPTY and not each.empty]
