"""What a query in PromQL names, without a parser: series, labels and windows.

promtool has parsed the query before, so only queries that are PromQL come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?P<comment>\#[^\n]*)"""
    r"""|(?P<variable>\$\{[^}]*\}|\$\w+)|(?P<number>\d[\w.]*)|(?P<name>[a-zA-Z_:][\w:]*)"""
    r"""|(?P<sign>=~|!~|!=|==|[^\s])"""
)
_LABELS: Final = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS: Final = frozenset(
    {
        *("and", "or", "unless", "bool", "offset", "start", "end", "atan2", "inf", "nan"),
        *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values"),
        *("bottomk", "topk", "quantile", "limitk", "limit_ratio"),
    }
)
# Between tokens is one space.
_ZERO: Final = re.compile(r"\bor (?:(?:on|ignoring) \( [^()]*\) )?(?:\( )*vector \( 0(?:\.0*)? \)")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series; each matcher has ``name``, ``type`` and ``value``. ``name`` may be empty."""

    name: str
    matchers: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What is between brackets, and the function around them."""

    function: str
    span: str


@dataclass(slots=True)
class Parts:
    """What a query names."""

    selectors: list[Selector] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    hides_absence: bool = False


def parts(query: str) -> Parts:
    """Returns what a query names; ``hides_absence``: somewhere in it, no series becomes a zero."""
    tokens = [match for match in _TOKEN.finditer(query) if match.lastgroup != "comment"]
    written = " ".join("" if match.lastgroup == "string" else match[0] for match in tokens)
    found = Parts(hides_absence=bool(_ZERO.search(written)))
    calls: list[str] = []
    at = 0
    while at < len(tokens):
        at = _step(tokens, at, calls, found)
    return found


def _step(tokens: list[re.Match[str]], at: int, calls: list[str], found: Parts) -> int:
    """Takes what begins at a token, and returns the place after it."""
    token, text = tokens[at], tokens[at][0]
    following = tokens[at + 1][0] if at + 1 < len(tokens) else ""
    if text in _LABELS and following == "(":
        end = _end(tokens, at + 1, ")")
        found.labels |= {each[0] for each in tokens[at + 2 : end] if each.lastgroup == "name"}
        return end + 1
    if text == "[":
        end = _end(tokens, at, "]")
        span = "".join(each[0] for each in tokens[at + 1 : end])
        found.windows.append(Window(calls[-1] if calls else "", span))
        return end + 1
    if text == "{" or (token.lastgroup == "name" and following != "(" and text.lower() not in _WORDS):
        return _selector(tokens, at, found)
    if text == "(":
        calls.append(tokens[at - 1][0] if at and tokens[at - 1].lastgroup == "name" else "")
    if text == ")" and calls:
        calls.pop()
    return at + 1


def _selector(tokens: list[re.Match[str]], at: int, found: Parts) -> int:
    name = "" if tokens[at][0] == "{" else tokens[at][0]
    start = at if not name else at + 1
    if start >= len(tokens) or tokens[start][0] != "{":
        found.selectors.append(Selector(name, ()))
        return start
    end = _end(tokens, start, "}")
    found.selectors.append(Selector(name, tuple(_matchers(tokens[start + 1 : end]))))
    return end + 1


def _matchers(tokens: list[re.Match[str]]) -> Iterator[Mapping[str, str]]:
    for at in range(len(tokens) - 2):
        name, sign, value = tokens[at : at + 3]
        if name.lastgroup == "name" and value.lastgroup == "string":
            yield {"name": name[0], "type": sign[0], "value": value[0][1:-1].replace("\\\\", "\\")}


def _end(tokens: list[re.Match[str]], at: int, closing: str) -> int:
    return next((place for place in range(at, len(tokens)) if tokens[place][0] == closing), len(tokens))
