"""Reads the LogQL of our boards, whose forms are all in `grafana/log_queries.py`; any other is an error."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final, Literal

from stack.boards.dashboards import DashboardError

_TOKEN: Final = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\[[^\]]*\]|[A-Za-z_]\w*|\d+|\|~|=~|!=|>=|[{}(),|=])', re.DOTALL
)
_DURATION: Final = re.compile(r"\[(\d+[smhdw])\]")

Operator = Literal["=", "!=", "=~", ">="]


class LogqlError(DashboardError):
    """LogQL of a form that our boards do not have."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a field; on the line itself if the field is empty."""

    field: str
    operator: Operator
    text: str


@dataclass(slots=True)
class Logql:
    """A query.

    Args:
        conditions: all of which a line meets.
        function: how lines are counted; empty: the lines themselves.
        by: the fields by whose values they are counted.
        most: how many values with the largest results; 0: all.
        of: the field whose values are summed, for ``sum``.
    """

    conditions: list[Condition] = field(default_factory=list)
    function: Literal["", "count", "sum"] = ""
    by: list[str] = field(default_factory=list)
    most: int = 0
    of: str = ""


def parsed(text: str) -> Logql:
    """Returns a query whose variables are expanded.

    Raises:
        LogqlError: it has another form than those of `grafana/log_queries.py`.
    """
    return _Parser(text).query()


class _Parser:
    """Takes one token after another."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        at = 0
        while match := _TOKEN.match(text, at):
            self._tokens.append(match[1])
            at = match.end()
        if text[at:].strip():
            raise self._wrong(text[at : at + 20])
        self._found = Logql()

    def query(self) -> Logql:
        """Reads all of it."""
        if self._next() == "topk":
            self._take("topk", "(")
            self._found.most = int(self._any(r"\d+"))
            self._take(",")
            self._counted()
            self._take(")")
        elif self._next() == "sum":
            self._counted()
        else:
            self._lines()
        if self._tokens:
            raise self._wrong(self._next())
        return self._found

    def _counted(self) -> None:
        """Reads ``sum by (f) (count_over_time(lines [1m]))``."""
        self._take("sum")
        if self._next() == "by":
            self._take("by", "(")
            self._found.by.append(self._any(r"[A-Za-z_]\w*"))
            while self._next() == ",":
                self._take(",")
                self._found.by.append(self._any(r"[A-Za-z_]\w*"))
            self._take(")")
        self._take("(")
        function = self._any("count_over_time|sum_over_time")
        self._found.function = "count" if function == "count_over_time" else "sum"
        self._take("(")
        self._lines()
        if self._found.function == "sum" and not self._found.of:
            raise self._wrong(self._next())
        self._any(_DURATION.pattern)
        self._take(")", ")")

    def _lines(self) -> None:
        """Reads ``{a="b"} | c="d" |~ "e"``."""
        self._take("{")
        self._condition()
        while self._next() == ",":
            self._take(",")
            self._condition()
        self._take("}")
        while self._next() in {"|", "|~"}:
            self._stage()

    def _stage(self) -> None:
        if self._any(r"\|~?") == "|~":
            self._found.conditions.append(Condition("", "=~", self._string()))
        elif self._next() == "unwrap":
            self._take("unwrap")
            self._found.of = self._any(r"[A-Za-z_]\w*")
        else:
            self._condition()

    def _condition(self) -> None:
        name, operator = self._any(r"[A-Za-z_]\w*"), self._any("=~|!=|>=|=")
        text = self._any(r"\d+") if operator == ">=" else self._string()
        if name == "__error__" and (operator, text) != ("=", ""):
            raise self._wrong(text)
        if name != "__error__":
            self._found.conditions.append(Condition(name, operator, text))  # type: ignore[arg-type]  # matched

    def _string(self) -> str:
        token = self._any(r'".*"|`.*`')
        if token.startswith("`"):
            return token[1:-1]
        try:
            return str(json.loads(token, strict=False))
        except ValueError:
            raise self._wrong(token) from None

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self, *wanted: str) -> None:
        for each in wanted:
            self._any(re.escape(each))

    def _any(self, pattern: str) -> str:
        if not re.fullmatch(pattern, self._next(), re.DOTALL):
            raise self._wrong(self._next())
        return self._tokens.pop(0)

    def _wrong(self, token: str) -> LogqlError:
        return LogqlError(
            f"{self._text!r} is LogQL of another form than our boards have (at {token!r}): "
            "build it with grafana/log_queries.py."
        )
