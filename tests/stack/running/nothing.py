"""Queries that find nothing on a stack that was started a minute ago, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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
_PAGE: Final = "whether a page fires so early depends on the tests before"
_CHANNEL: Final = "needs a channel for alerts, which tests before may have added"
_HANDLED: Final = "needs an alert that somebody acknowledged, or that ended"
_SENT: Final = "needs an alert that was sent more than once within the range"
_SLOW: Final = "only a busy machine has queries of more than 100 ms"
_FULL: Final = "only a disk that fills has a time until it is full"
_FEW: Final = "of few registrations the share is chance: the threshold conversion_minimum"
# What may be empty or not, by chance.
PERHAPS: Final[dict[str, str]] = {
    "lms-api / annotation Pages / A": _PAGE,
    "lms-alerts / annotation Pages / A": _PAGE,
    "lms-overview / annotation Pages / A": _PAGE,
    "lms-api / annotation Escalations / A": _PAGE,
    "lms-alerts / annotation Escalations / A": _PAGE,
    "lms-overview / annotation Escalations / A": _PAGE,
    "lms-alerts / Notifications sent, by channel / A": _CHANNEL,
    "lms-alerts / Notifications given up, by channel and reason / A": _CHANNEL,
    "lms-alerts / Time to send a notification / A": _CHANNEL,
    "lms-business / Registered → enrolled within six hours / A": _FEW,
    "lms-resources / Hours until a disk is full / A": _FULL,
    "lms-resources / Hours until full / A": _FULL,
    "lms-alerts / Mean time to resolve (MTTR) / A": _HANDLED,
    "lms-alerts / Time to notify, acknowledge and resolve / C": _HANDLED,
    "lms-alerts / Mean time to acknowledge (MTTA) / A": _HANDLED,
    "lms-alerts / Time to notify, acknowledge and resolve / A": _HANDLED,
    "lms-alerts / Time to notify, acknowledge and resolve / B": _HANDLED,
    "lms-alerts / Which alerts fire most / A": _PAGE,
    "lms-alerts / Which alerts fire most / B": _PAGE,
    "lms-alerts / Notifications per alert / A": _PAGE,
    "lms-alerts / Prometheus → Alertmanager, share that failed / A": _SENT,
    "lms-stores / Costliest shapes of slow queries / A": _SLOW,
    "lms-stores / Most frequent shapes of slow queries / A": _SLOW,
}


def expected(ran: Ran) -> bool:
    """Returns whether the query may be empty."""
    return ran.name in EMPTY or ran.name in PERHAPS


def unneeded(ran: Iterable[Ran]) -> list[str]:
    """Returns the entries whose query is not empty, or does not exist."""
    found = {each.name: each for each in ran}
    gone = [f"{name}: no board has it" for name in (*EMPTY, *PERHAPS) if name not in found]
    return gone + [f"{name}: is not empty" for name in EMPTY if name in found and not found[name].empty]
