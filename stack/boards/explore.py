"""Grafana's Explore, which the stand-in does not have: its links lead to the stores' own pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from stack.boards.logql import LogqlError, parsed
from stack.boards.logsql import logsql
from stack.boards.settings import Settings

_TRACE_ID: Final = re.compile(r"[0-9a-fA-F]{16,32}")


def trace_url(settings: Settings) -> str:
    """Returns the address of a trace's spans, with ``{trace_id}`` in place of its id."""
    web = settings.traces_web_url or settings.jaeger_url or settings.tempo_url or ""
    return f"{web}/trace/{{trace_id}}" if settings.jaeger_url else f"{web}/api/traces/{{trace_id}}"


def redirected(query: Mapping[str, str], settings: Settings) -> str:
    """Returns where a link to Explore leads: the trace, the log store's page, else our list of boards."""
    asked = _first(query.get("panes", ""))
    text = str(asked.get("query") or asked.get("expr") or "")
    if _TRACE_ID.fullmatch(text):
        return trace_url(settings).replace("{trace_id}", text)
    logs = settings.logs_web_url or settings.victorialogs_url
    if asked.get("expr") and logs and text.startswith("{"):
        try:
            return f"{logs}/select/vmui/#/?g0.range_input=1h&query={quote(logsql(parsed(text)), safe='')}"
        except LogqlError:
            return f"{logs}/select/vmui/"
    web = settings.traces_web_url or settings.jaeger_url
    return f"{web}/search" if asked.get("query") and web else "/dashboards"


def _first(panes: str) -> Mapping[str, Any]:
    """Returns the first query of Explore's ``panes``; an empty one if there is none."""
    try:
        pane = next(iter(json.loads(panes).values()))
        found = pane["queries"][0]
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
