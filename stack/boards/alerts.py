"""Alertmanager: the alerts that fire, and where people acknowledge them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from app.infra.stores.alertmanager import Alertmanager
from app.infra.stores.client import StoreClient
from stack.boards.dashboards import DashboardError
from stack.boards.frames import Firing

_MATCHER: Final = re.compile(r'\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ORDER: Final = ("page", "warning", "info", "none")
# A longer address is cut off on its way, and a silence of fewer labels would silence other alerts.
_LONGEST: Final = 1500


class Alerts:
    """The alerts that fire."""

    def __init__(self, client: StoreClient) -> None:
        self._alertmanager = Alertmanager(client)

    async def firing(self, selector: str) -> list[Firing]:
        """Returns the alerts that a selector such as ``{severity="page"}`` fits, the worst first.

        Raises:
            StoreUnavailable: Alertmanager does not answer.
            DashboardError: the selector is none.
        """
        wanted = matchers(selector)
        found = [
            Firing(each.labels, each.annotations, each.starts_at.timestamp(), each.status.state)
            for each in await self._alertmanager.alerts()
            if all(_fits(each.labels, *matcher) for matcher in wanted)
        ]
        return sorted(found, key=_place)


def matchers(selector: str) -> list[tuple[str, str, str]]:
    """Returns label, operator and value of each condition of a selector; an empty one has none.

    Raises:
        DashboardError: the text is no selector.
    """
    inside = selector.strip().removeprefix("{").removesuffix("}").strip()
    found, at = [], 0
    while at < len(inside):
        match = _MATCHER.match(inside, at)
        if match is None:
            raise DashboardError(f'{selector!r} selects no alerts: write it like {{severity="page"}}.')
        found.append((match[1], match[2], re.sub(r"\\(.)", r"\1", match[3])))
        at = match.end()
    return found


def silence_url(web: str, labels: Mapping[str, str]) -> str:
    """Returns the form of a silence of exactly this alert, which is how one acknowledges it."""
    listed = [f"{name}={_quoted(value)}" for name, value in sorted(labels.items())]
    found = f"{web}/#/silences/new?filter={quote('{' + ','.join(listed) + '}', safe='')}"
    return found if len(found) <= _LONGEST else f"{web}/#/alerts"


def _quoted(value: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return f'"{escaped}"'


def _fits(labels: Mapping[str, str], name: str, operator: str, value: str) -> bool:
    found = labels.get(name, "")
    same = re.fullmatch(value, found) is not None if "~" in operator else found == value
    return same == (operator[0] == "=")


def _place(alert: Firing) -> tuple[bool, int, str]:
    severity = alert.labels.get("severity", "")
    order = _ORDER.index(severity) if severity in _ORDER else len(_ORDER)
    return alert.state != "active", order, alert.labels.get("alertname", "")
