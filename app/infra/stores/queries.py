"""Builds queries in PromQL, LogQL and LogsQL. Whatever a text contains, it stays one string of the query.

Names and durations come from our own code and are checked; everything else is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

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


def _matcher(label: str, operator: str, value: str) -> str:
    return f"{_checked(_LABEL, label)}{operator}{quoted(value)}"


def _checked(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not part of a query: it must match {pattern.pattern}")
    return value
