"""Builds queries in PromQL, LogQL and LogsQL. Whatever a text contains, it stays one string of the query.

Names and durations come from our own code and are checked; everything else is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from app.infra.stores.logs import LogQuery

LINE_LABEL: Final = "lms_line"
"""The label in which a LogQL query has the line, to compare it beside attributes."""

_METRIC: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION: Final = re.compile(r"[1-9][0-9]{0,9}(ms|s|m|h|d|w)")
# What Go's regexp.QuoteMeta escapes.
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


def quoted(text: str) -> str:
    """Returns ``text`` as a string of PromQL, LogQL or LogsQL: each reads Go's, of which JSON's are a part.

    Characters are not escaped by number, because JSON writes two for one beyond U+FFFF, which Go rejects.

    Raises:
        ValueError: It contains half of a surrogate pair, which no request can carry.
    """
    text.encode()
    return json.dumps(text, ensure_ascii=False)


def literally(text: str) -> str:
    """Returns a regular expression (RE2) that matches ``text`` and nothing else."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def one_of(values: Iterable[str]) -> str:
    """Returns a regular expression (RE2) that matches each of the values and nothing else."""
    return "|".join(map(literally, values))


def selector(
    name: str,
    equal: Mapping[str, str] | None = None,
    *,
    unequal: Mapping[str, str] | None = None,
    any_of: Mapping[str, Iterable[str]] | None = None,
    none_of: Mapping[str, Iterable[str]] | None = None,
    window: str = "",
    offset: str = "",
) -> str:
    """Returns a selector of PromQL: ``up{job="lms"}[5m] offset 1w``.

    ``window`` and ``offset`` are durations such as ``90s``, ``5m`` or ``1w``. ``any_of`` and ``none_of`` list
    values of a label.

    Raises:
        ValueError: A name or a duration is none.
    """
    matchers = [
        *(_matcher(label, "=", value) for label, value in (equal or {}).items()),
        *(_matcher(label, "!=", value) for label, value in (unequal or {}).items()),
        *(_matcher(label, "=~", one_of(values)) for label, values in (any_of or {}).items()),
        *(_matcher(label, "!~", one_of(values)) for label, values in (none_of or {}).items()),
    ]
    chosen = f"{{{','.join(matchers)}}}" if matchers else ""
    over = f"[{_checked(_DURATION, window)}]" if window else ""
    before = f" offset {_checked(_DURATION, offset)}" if offset else ""
    return f"{_checked(_METRIC, name)}{chosen}{over}{before}"


def logsql(query: LogQuery) -> str:
    """Returns the query in LogsQL: ``{service.name="lms"} "request_id":="req-1" | sort by (_time desc)``.

    Time range and limit are parameters of the request.
    """
    filters = [f"{{service.name={quoted(query.service)}}}"] if query.service is not None else []
    filters += [f"{quoted(name)}:={quoted(value)}" for name, value in query.equal().items()]
    if query.severity is not None:
        filters.append(f"severity_number:>={query.severity:d}")
    if query.text is not None:
        part = quoted(f"(?i){literally(query.text)}")
        filters.append(f'(_msg:~{part} or "exception.message":~{part})')
    return f"{' '.join(filters) or '*'} | sort by (_time desc) limit {query.limit:d}"


def logql(query: LogQuery) -> str:
    """Returns the query in LogQL: ``{service_name="lms"} | request_id="req-1"``.

    Time range and limit are parameters of the request.
    """
    stages = [f"{name.replace('.', '_')}={quoted(value)}" for name, value in query.equal().items()]
    if query.severity is not None:
        stages += [f"severity_number>={query.severity:d}", '__error__=""']
    if query.text is not None:
        # Loki compares a label's whole value.
        part = quoted(f"(?is).*{literally(query.text)}.*")
        stages.append(f'label_format {LINE_LABEL}="{{{{__line__}}}}"')
        stages.append(f"{LINE_LABEL}=~{part} or exception_message=~{part}")
    stream = '=~".+"' if query.service is None else f"={quoted(query.service)}"
    return " | ".join([f"{{service_name{stream}}}", *stages])


def _matcher(label: str, operator: str, value: str) -> str:
    return f"{_checked(_LABEL, label)}{operator}{quoted(value)}"


def _checked(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not part of a query: it must match {pattern.pattern}")
    return value
