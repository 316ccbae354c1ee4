"""Grafana's Explore, which the stand-in does not have: its links lead to the stores' own pages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from stack.boards.logql import LogqlError, parsed
from stack.boards.logsql import logsql
from stack.boards.settings import Settings
from stack.boards.traceql import SERVICE, Search, TraceqlError
from stack.boards.traceql import parsed as searched
from stack.boards.window import RangeError, Window

_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{16,32}")


def trace_url(settings: Settings) -> str:
    """Returns the address of a trace's spans, with ``{trace_id}`` in place of its id."""
    web = settings.traces_web_url or settings.jaeger_url or settings.tempo_url or ""
    return f"{web}/trace/{{trace_id}}" if settings.jaeger_url else f"{web}/api/traces/{{trace_id}}"


def redirected(query: Mapping[str, str], settings: Settings) -> str:
    """Returns where a link to Explore leads, with its range.

    That is the trace; the log store's page; Jaeger's search; else our list of boards.
    """
    asked, shown = _first(query.get("panes", ""))
    text = str(asked.get("query") or asked.get("expr") or "")
    if _TRACE_ID.fullmatch(text):
        return trace_url(settings).replace("{trace_id}", text)
    logs = settings.logs_web_url or settings.victorialogs_url
    if asked.get("expr") and logs and text.startswith("{"):
        return f"{logs}/select/vmui/#/?{urlencode(_logs(text, shown))}"
    web = settings.traces_web_url or settings.jaeger_url
    return f"{web}/search?{urlencode(_traces(text, shown))}" if asked.get("query") and web else "/dashboards"


def _logs(text: str, shown: Window) -> dict[str, str]:
    """Returns what VictoriaLogs' page is asked for; without a query of ours, for every line."""
    end = datetime.fromtimestamp(shown.end, UTC)
    try:
        query = logsql(parsed(text))
    except LogqlError:
        query = "*"
    return {
        "g0.range_input": f"{shown.length:.0f}s",
        "g0.end_input": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "g0.relative_time": "none",  # else it shows the last five minutes
        "query": query,
    }


def _traces(text: str, shown: Window) -> dict[str, str]:
    """Returns what Jaeger's page is asked for; it looks in one service at a time."""
    try:
        wanted = searched(text)
    except TraceqlError:
        wanted = Search()
    services = [each.value for each in wanted.conditions if each.name == SERVICE and each.exact]
    found = {
        "service": "".join(services[:1]),
        "tags": json.dumps(wanted.tags()) if wanted.tags() else "",
        "minDuration": f"{wanted.longer}us" if wanted.longer else "",
        "lookback": "custom",
        "start": f"{shown.start * 1e6:.0f}",
        "end": f"{shown.end * 1e6:.0f}",
    }
    return {name: value for name, value in found.items() if value}


def _first(panes: str) -> tuple[Mapping[str, Any], Window]:
    """Returns the first query of Explore's ``panes``, an empty one if there is none, and its range."""
    try:
        pane = next(iter(json.loads(panes).values()))
        found = pane["queries"][0]
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
        pane = found = {}
    return (found if isinstance(found, Mapping) else {}), _range(pane.get("range"))


def _range(found: object) -> Window:
    """Returns the range of a pane; the last hour, as Explore does, if it has none that can be shown."""
    given = found if isinstance(found, Mapping) else {}
    now = time.time()
    try:
        return Window.of(str(given.get("from", "now-1h")), str(given.get("to", "now")), now=now)
    except RangeError:
        return Window.of("now-1h", "now", now=now)
