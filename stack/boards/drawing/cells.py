"""What has no axes: values, bars, tables, log lines, traces, alerts, text. The page lays them out.

Everything is text or a number; only Markdown becomes HTML, in which no HTML of its author is let through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from markdown_it import MarkdownIt

from stack.boards.alerts import silence_url
from stack.boards.dashboards import DashboardError, Options, Panel
from stack.boards.drawing.looks import Look, facts, look
from stack.boards.drawing.units import format_value
from stack.boards.frames import Cell, Firing, LogLine, Series, TraceFound

Drawn = dict[str, Any]
# Takes a link of the JSON and the facts of what it is on; returns its title and address.
Linked = Callable[[Options, Mapping[str, str]], dict[str, str]]

MOST_ROWS: Final = 500
TRANSFORMATIONS: Final = frozenset({"joinByField", "filterFieldsByName", "organize"})
"""What can be done to a table's rows."""
# What is shown of a trace, with the heads that Tempo's data source gives it in Grafana.
_TRACE: Final = {
    "trace_id": "Trace ID",
    "start": "Start time",
    "service": "Service",
    "name": "Name",
    "seconds": "Duration",
}
_SHOWN: Final = 16  # of a trace's 32 digits, so that the table stays narrow
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
_LEVELS: Final = {"FATAL": "bad", "ERROR": "bad", "WARN": "warn"}


def stats(panel: Panel, series: Sequence[Series], linked: Linked) -> Drawn:
    """Returns the last value of each series."""
    fill = str(panel.options.get("colorMode", "value")).startswith("background")
    return {"kind": "stats", "fill": fill, "values": [_value(panel, each, linked) for each in series]}


def bars(panel: Panel, series: Sequence[Series], linked: Linked) -> Drawn:
    """Returns the last value of each series, with its share of the largest, largest first.

    As in Grafana, a bar that is alone has no name unless the panel gives one.
    """
    ordered = sorted(series, key=lambda each: -each.last if math.isfinite(each.last) else 0)
    most = max(
        [*(each.last for each in series if math.isfinite(each.last)), panel.field.get("max") or 0], default=0
    )
    shares = [max(0, each.last) / most if most > 0 and math.isfinite(each.last) else 0 for each in ordered]
    values = [_value(panel, each, linked) for each in ordered]
    if len(values) == 1 and not panel.field.get("displayName"):
        values[0]["name"] = ""
    return {
        "kind": "bars",
        "values": [{**each, "share": share} for each, share in zip(values, shares, strict=True)],
    }


def table(panel: Panel, rows: Sequence[Mapping[str, Cell]], linked: Linked) -> Drawn:
    """Returns the rows after the panel's transformations; a value's links lead from its row."""
    columns, shown = _organized(panel, list(rows))
    for by in panel.options.get("sortBy") or []:
        key = next((name for name, head in columns.items() if head == by["displayName"]), "")
        shown.sort(key=lambda row: _order(row.get(key)), reverse=bool(by.get("desc")))
    looks = {name: look(panel, head) for name, head in columns.items()}
    return {
        "kind": "table",
        "columns": [{"title": head, "number": _is_number(shown, name)} for name, head in columns.items()],
        "rows": [[_cell(row, name, looks[name], linked) for name in columns] for row in shown[:MOST_ROWS]],
        "left_out": max(0, len(shown) - MOST_ROWS),
    }


def logs(panel: Panel, lines: Sequence[LogLine], trace_url: str) -> Drawn:
    """Returns log lines, in the panel's order."""
    newest_first = panel.options.get("sortOrder", "Descending") == "Descending"
    ordered = sorted(lines, key=lambda each: each.time, reverse=newest_first)
    return {"kind": "logs", "lines": [_line(each, trace_url) for each in ordered]}


def traces(panel: Panel, found: Sequence[TraceFound], trace_url: str) -> Drawn:
    """Returns the traces that a search found, in the panel's order, each a link to its spans."""
    by = {head: attrgetter(name) for name, head in _TRACE.items()}
    ordered = list(found)
    for each in panel.options.get("sortBy") or []:
        ordered.sort(key=by[each["displayName"]], reverse=bool(each.get("desc")))
    return {
        "kind": "table",
        "columns": [{"title": head, "number": head == "Duration"} for head in by],
        "rows": [_trace(each, trace_url) for each in ordered],
        "left_out": 0,
    }


def alerts(found: Sequence[Firing], web: str) -> Drawn:
    """Returns the alerts that fire, with links to acknowledge them and to what they are about."""
    return {"kind": "alerts", "alerts": [_alert(each, web) for each in found]}


def text(markdown: str) -> Drawn:
    """Returns Markdown as HTML; HTML in it is shown as text."""
    return {"kind": "html", "html": _MARKDOWN.render(markdown)}


def _value(panel: Panel, series: Series, linked: Linked) -> Drawn:
    own, last = look(panel, series.name), series.last
    known = facts(series) | {"__value.raw": f"{last:g}"}
    return {
        "name": own.name(series),
        "text": own.text(last),
        "color": own.color(last),
        "links": [linked(each, known) for each in own.links],
    }


def _organized(
    panel: Panel, rows: list[Mapping[str, Cell]]
) -> tuple[dict[str, str], list[Mapping[str, Cell]]]:
    """Returns the columns that are shown, with their heads, in order; and the rows."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    heads: dict[str, str] = {}
    for change in panel.transformations:
        options = change.get("options") or {}
        if change["id"] == "filterFieldsByName":
            wanted = (options.get("include") or {}).get("names") or names
            names = [name for name in names if name in wanted]
        elif change["id"] == "organize":
            hidden, order = options.get("excludeByName") or {}, options.get("indexByName") or {}
            names = sorted(
                (each for each in names if not hidden.get(each)), key=lambda name: order.get(name, 99)
            )
            heads = options.get("renameByName") or {}
        elif change["id"] not in TRANSFORMATIONS:
            known = ", ".join(sorted(TRANSFORMATIONS))
            raise DashboardError(f"{panel.title!r}: nothing does {change['id']!r}: use one of {known}.")
    return {name: heads.get(name) or name for name in names}, rows


def _order(value: Cell) -> tuple[bool, float, str]:
    number = value if isinstance(value, int | float) and math.isfinite(value) else float("-inf")
    return not isinstance(value, str), number, value if isinstance(value, str) else ""


def _is_number(rows: Sequence[Mapping[str, Cell]], name: str) -> bool:
    return any(isinstance(row.get(name), int | float) for row in rows) and name != "Time"


def _cell(row: Mapping[str, Cell], name: str, own: Look, linked: Linked) -> Drawn:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return {"text": value or ""}
    if name == "Time":
        return {"time": round(value * 1000)}
    known = {f"__data.fields.{key}": f"{each}" for key, each in row.items()} | {"__value.raw": f"{value:g}"}
    links = [linked(each, known) for each in own.links]
    colored = {"color": own.color(value)} if len(own.steps) > 1 or own.config.get("mappings") else {}
    number = {"value": value} if math.isfinite(value) else {}
    return {"text": own.text(value), **number, **colored, "links": links}


def _trace(trace: TraceFound, trace_url: str) -> list[Drawn]:
    link = {"title": trace.trace_id, "url": trace_url.replace("{trace_id}", trace.trace_id)}
    return [
        {"text": trace.trace_id[:_SHOWN], "links": [link]},
        {"time": round(trace.start * 1000)},
        {"text": trace.service},
        {"text": trace.name},
        {"text": format_value(trace.seconds, "s")},
    ]


def _line(line: LogLine, trace_url: str) -> Drawn:
    level = line.fields.get("severity_text") or line.fields.get("level") or ""
    return {
        "time": line.time // 1_000_000,
        "level": level,
        "look": _LEVELS.get(level.upper().rstrip("0123456789"), ""),
        "text": line.text,
        "fields": [_fact(name, value, trace_url) for name, value in sorted(line.fields.items())],
    }


def _fact(name: str, value: str, trace_url: str) -> Drawn:
    linked = name == "trace_id" and value
    return {
        "name": name,
        "value": value,
        **({"url": trace_url.replace("{trace_id}", value)} if linked else {}),
    }


def _alert(alert: Firing, web: str) -> Drawn:
    notes = alert.annotations
    given = {"Runbook": "runbook_url", "Board": "dashboard_url", "Logs": "logs_url", "Traces": "traces_url"}
    links = [{"title": title, "url": notes[key]} for title, key in given.items() if notes.get(key)]
    if alert.state == "active":
        links = [{"title": "Acknowledge", "url": silence_url(web, alert.labels)}, *links]
    return {
        "name": alert.labels.get("alertname", ""),
        "severity": alert.labels.get("severity", ""),
        "summary": notes.get("summary") or notes.get("description") or "",
        "since": round(alert.since * 1000),
        "state": "firing" if alert.state == "active" else "silenced or inhibited",
        "links": [each for each in links if each["url"].startswith(("http://", "https://"))],
    }
