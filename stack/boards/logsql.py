"""Translates the LogQL of our boards to LogsQL (https://docs.victoriametrics.com/victorialogs/logsql/)."""

from __future__ import annotations

import re
from typing import Final

from app.infra.stores.queries import quoted
from grafana.log_queries import FIELDS
from stack.boards.logql import Condition, Logql, LogqlError

VALUE: Final = "value"
"""The name of what is counted."""
_LINE: Final = "_msg"
# Every text matches these, also none.
_ANYTHING: Final = re.compile(r"(\.\*)+|\(\?i\)")
_SOMETHING: Final = ".+"


def logsql(query: Logql) -> str:
    """Returns the query in LogsQL; the time range is a parameter of the request.

    Raises:
        LogqlError: it names a field that our log lines do not have.
    """
    filters = [text for each in query.conditions if (text := _filter(each))]
    if query.of:
        filters.append(f"{quoted(_name(query.of))}:*")
    found = " ".join(filters) or "*"
    if not query.function:
        return found
    by = f"by ({', '.join(quoted(_name(each)) for each in query.by)}) " if query.by else ""
    function = "count()" if query.function == "count" else f"sum({quoted(_name(query.of))})"
    found += f" | stats {by}{function} as {VALUE}"
    return f"{found} | sort by ({VALUE} desc) limit {query.most:d}" if query.most else found


def in_loki(name: str) -> str:
    """Returns the name that Loki gives to a field."""
    return re.sub(r"\W", "_", name)


def _filter(condition: Condition) -> str:
    """Returns a filter; empty if everything passes it."""
    name, text = quoted(_name(condition.field)), condition.text
    if condition.operator == ">=":
        return f"{name}:>={int(text):d}"
    if condition.operator == "=":
        return f"{name}:={quoted(text)}"
    if condition.operator == "!=":
        return f"!{name}:={quoted(text)}"
    if _ANYTHING.fullmatch(text):
        return ""
    if text == _SOMETHING:
        return f"{name}:*"
    # LogQL compares a field's whole value, and finds a part of the line.
    return f"{name}:~{quoted(f'^(?s:{text})$' if condition.field else text)}"


def _name(field: str) -> str:
    if not field:
        return _LINE
    if field not in FIELDS:
        raise LogqlError(f"{field!r} is no field of our log lines: name one of {', '.join(sorted(FIELDS))}.")
    return FIELDS[field]
