"""Expands variables in queries, titles and links, as Grafana does.

Formats: https://grafana.com/docs/grafana/latest/visualizations/dashboards/variables/variable-syntax/.
Intervals: https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/.

Where Grafana leaves an unknown variable as it is, this is an error; and where it inserts a value as it is,
the value stays inside the quotes around it: readers choose values, and none changes what is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from stack.boards.dashboards import DashboardError, Source
from stack.boards.window import Window, duration

_VARIABLE: Final = re.compile(
    r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)((?:\.[^:{}]+|\[[^\]]*\])*)(?::([\w:-]+))?\})"
)
# A string of PromQL, LogQL and TraceQL, a comment, or a piece of text without either.
_STRING: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`|#[^\n]*|[^"\'`#]+|["\'`]', re.DOTALL
)
_BARE: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*|[0-9]+(?:\.[0-9]+)?[a-z]{0,2}|")
_SPECIAL: Final = re.compile(r"[\\$^*{}\[\]+?.()|/]")


class ExpansionError(DashboardError):
    """A variable that does not exist, or a value that cannot be where it should be inserted."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a reader chose.

    Args:
        values: one, or several.
        several: whether more than one could be chosen: such a value is part of a regular expression.
        everything: the board's own text for all (``allValue``), if all were chosen; inserted as it is.
    """

    values: tuple[str, ...]
    several: bool = False
    everything: str | None = None


Values = Mapping[str, Value]
Facts = Mapping[str, str]
"""What a link or a name is of: ``__value.raw``, ``__field.labels.x``, ``__data.fields.x``, by name."""


def expand(text: str, values: Values, window: Window, *, source: Source = "metrics", where: str = "") -> str:
    """Returns a query with its variables replaced.

    Args:
        text: the query.
        values: the variables.
        window: the time range, for ``$__interval`` and the like.
        source: what is asked: it decides how several values are joined.
        where: the board and the panel, for errors.

    Raises:
        ExpansionError: an unknown variable or format, or a value that would leave its string.
    """
    times = _times(window)

    def inserted(match: re.Match[str], delimiter: str) -> str:
        name, form = match[1] or match[2], match[4] or ""
        if match[3] or (name not in times and name not in values):
            raise _unknown(where, match[0], [*values, *times])
        if name in times:
            return times[name]
        value = values[name]
        if value.everything is not None and form in {"", "regex", "pipe", "raw"}:
            return value.everything
        return _within(_formatted(value, form, source, where), delimiter, where, match[0])

    pieces = (piece[0] for piece in _STRING.finditer(text))
    return "".join(_replaced(piece, inserted) for piece in pieces)


def link(url: str, values: Values, window: Window, facts: Facts | None = None, *, where: str = "") -> str:
    """Returns an address with its variables replaced, each percent-encoded, whatever its value.

    An address that begins with a variable is that value, if it is one that a browser may open.

    Raises:
        ExpansionError: as `expand`.
    """
    known = {**_ranges(window), **_times(window), **(facts or {})}

    def inserted(match: re.Match[str]) -> str:
        name = _path(match)
        if name == "__url_time_range":
            return known[name]
        if name == "__all_variables":
            return "&".join(_parameters(each, value) for each, value in values.items())
        if name in values and match[4] == "queryparam":
            return _parameters(name, values[name])
        if name not in known and name not in values:
            raise _unknown(where, match[0], [*values, *known])
        text = known[name] if name in known else ",".join(values[name].values)
        return text if match.start() == 0 and _opens(text) else quote(text, safe="")

    found = _VARIABLE.sub(inserted, url)
    return found if _opens(found) else "#"


def words(text: str, values: Values, window: Window, *, where: str = "") -> str:
    """Returns a title or other text with its variables replaced by what people read.

    Raises:
        ExpansionError: as `expand`.
    """
    known = _times(window)

    def inserted(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name in known:
            return known[name]
        if name not in values:
            raise _unknown(where, match[0], [*values, *known])
        value = values[name]
        return "All" if value.everything is not None else " + ".join(value.values)

    return _VARIABLE.sub(inserted, text)


def name(text: str, facts: Facts, *, where: str = "") -> str:
    """Returns a field's display name, such as ``${__field.labels.instance}``, with its variables replaced.

    Raises:
        ExpansionError: a variable that the field does not have.
    """

    def inserted(match: re.Match[str]) -> str:
        path = _path(match)
        if path not in facts:
            raise _unknown(where, match[0], [*facts])
        return facts[path]

    return _VARIABLE.sub(inserted, text)


def names(text: str) -> set[str]:
    """Returns the names of the variables in a text, Grafana's own too."""
    return {match[1] or match[2] for match in _VARIABLE.finditer(text)}


def _path(match: re.Match[str]) -> str:
    return f"{match[1] or match[2]}{match[3] or ''}".replace('["', ".").replace('"]', "")


def _replaced(piece: str, inserted: Callable[[re.Match[str], str], str]) -> str:
    quoted = len(piece) > 1 and piece[0] == piece[-1] and piece[0] in "\"'`"
    return _VARIABLE.sub(lambda match: inserted(match, piece[0] if quoted else ""), piece)


def _formatted(value: Value, form: str, source: Source, where: str) -> str:
    """Returns the value as its format asks for, before it is put into a string."""
    if not form:
        # Tempo's data source joins values with a bar; the others make a regular expression of several only.
        form = "pipe" if source == "traces" else "regex" if value.several else "raw"
    if form not in _FORMATS:
        raise ExpansionError(f"{where}: the format {form!r} is not known: use one of {', '.join(_FORMATS)}.")
    return _FORMATS[form](value.values)


def _alternatives(values: Sequence[str]) -> str:
    escaped = [_SPECIAL.sub(r"\\\g<0>", each) for each in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


_FORMATS: Final[Mapping[str, Callable[[Sequence[str]], str]]] = {
    "regex": _alternatives,
    "pipe": "|".join,
    "csv": ",".join,
    "raw": ",".join,
}


def _within(text: str, delimiter: str, where: str, variable: str) -> str:
    """Returns the text so that it stays in its string; outside of one, only names and numbers may be."""
    if delimiter in {'"', "'"}:
        escaped = json.dumps(text, ensure_ascii=False)[1:-1]
        return escaped if delimiter == '"' else escaped.replace('\\"', '"').replace("'", "\\'")
    if delimiter == "`" and "`" not in text:
        return text
    if not delimiter and _BARE.fullmatch(text):
        return text
    place = "between backticks" if delimiter else "outside of quotes"
    raise ExpansionError(f"{where}: {variable} cannot be {text!r} {place}: put it in double quotes.")


def _parameters(name: str, value: Value) -> str:
    given = ["$__all"] if value.everything is not None else list(value.values)
    return urlencode([(f"var-{name}", each) for each in given])


def _times(window: Window) -> dict[str, str]:
    """Returns Grafana's own variables of a time range in a query."""
    return {
        "__interval": duration(window.interval),
        "__interval_ms": f"{window.interval * 1000:.0f}",
        "__rate_interval": duration(window.rate_interval),
        "__rate_interval_ms": f"{window.rate_interval * 1000:.0f}",
        "__auto": duration(window.interval),
        "__range": f"{window.length:.0f}s",
        "__range_s": f"{window.length:.0f}",
        "__range_ms": f"{window.length * 1000:.0f}",
        "__from": f"{window.start * 1000:.0f}",
        "__to": f"{window.end * 1000:.0f}",
    }


def _ranges(window: Window) -> dict[str, str]:
    first = window.first or f"{window.start * 1000:.0f}"
    last = window.last or f"{window.end * 1000:.0f}"
    return {"__url_time_range": urlencode({"from": first, "to": last})}


def _opens(url: str) -> bool:
    """Returns whether a browser may open it: no `javascript:`, and nothing that is a host of its own."""
    return url.startswith(("http://", "https://", "#")) or (
        url.startswith("/") and url[1:2] not in {"/", "\\"}
    )


def _unknown(where: str, variable: str, known: list[str]) -> ExpansionError:
    listed = ", ".join(sorted(known, key=lambda name: (name[:2] == "__", name)))
    return ExpansionError(
        f"{where}: there is no variable {variable}: add it to the board, or use one of {listed}."
    )
