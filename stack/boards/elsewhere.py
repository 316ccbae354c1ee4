"""Where links lead to what Grafana has and the stand-in has not: to the stores' own pages.

A preview has no server that leads on, so there the links are replaced when it is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from html import escape, unescape
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from stack.boards import explore
from stack.boards.settings import Settings

_HREF: Final = re.compile(r'<a href="([^"]*)"')


def alerting(page: str, settings: Settings) -> str:
    """Returns the page of Alertmanager itself in place of one of Grafana's."""
    web = settings.alertmanager_web_url or settings.alertmanager_url
    return f"{web}/#/{'silences' if page == 'silences' else 'alerts'}"


def in_files(url: str, uids: Collection[str], settings: Settings) -> str | None:
    """Returns where a link leads from a file beside those of the boards ``uids``; None: nowhere."""
    if url.startswith(("http://", "https://")):
        return url
    found = urlsplit(url)
    _, first, *rest = [*found.path.split("/"), ""]
    if first == "d":
        return f"{rest[0]}.html" if rest[0] in uids else None
    if first == "alerting":
        return alerting(rest[0], settings)
    leads = explore.redirected(dict(parse_qsl(found.query)), settings) if first == "explore" else ""
    return leads if leads.startswith("http") else None


def without_server(drawn: Any, uids: Collection[str], settings: Settings) -> Any:  # noqa: ANN401 - JSON
    """Returns what a panel shows with the links that lead somewhere from a file; the others are left out."""

    def replaced(found: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(found, list):
            return [each for each in map(replaced, found) if not _leads_nowhere(each)]
        if isinstance(found, Mapping):
            return {key: _value(key, each) for key, each in found.items()}
        return found

    def _value(key: str, found: Any) -> Any:  # noqa: ANN401 - JSON
        if key == "url":
            return in_files(found, uids, settings)
        return _HREF.sub(_anchor, found) if key == "html" else replaced(found)

    def _anchor(match: re.Match[str]) -> str:
        leads = in_files(unescape(match[1]), uids, settings)
        return f'<a href="{escape(leads)}"' if leads else "<a"

    return replaced(drawn)


def _leads_nowhere(found: Any) -> bool:  # noqa: ANN401 - JSON
    """Returns whether that is a link, and nothing else, without a target."""
    return isinstance(found, Mapping) and found.keys() == {"title", "url"} and found["url"] is None
