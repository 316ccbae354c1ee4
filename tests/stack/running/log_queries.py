"""What a query of the log store asks for that no record ever has: it is no error there, and finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from opentelemetry._logs import SeverityNumber

from stack.settings import REPOSITORY
from tests.stack.running.stores import Stores

_FILTER: Final = re.compile(r"(?<![\w.])([a-z_][\w.]*):(in\([^)]*\)|[^\s|]+)")
_BY: Final = re.compile(r"(?:stats|sort) by \(([^)]*)\)")
_COUNTED: Final = re.compile(r"count\(\) (\w+)")


class LogQueries:
    """Queries in LogsQL, against the records that the store has by now."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def faults(self, query: str) -> list[str]:
        """Returns each field, event and severity of a query that no record has."""
        return [*self._fields(query), *_values(query)]

    def _fields(self, query: str) -> Iterator[str]:
        named = {name for name, _ in _FILTER.findall(query)}
        listed = {
            word.split()[0].partition(":")[0] for each in _BY.findall(query) for word in each.split(",")
        }
        known = self._stores.log_fields() | set(_COUNTED.findall(query))
        yield from (f"no record has a field {each}" for each in sorted((named | listed) - known))


def _values(query: str) -> Iterator[str]:
    for name, value in _FILTER.findall(query):
        values = value.removeprefix("in(").rstrip(")").split(",")
        if name == "_msg":
            yield from (f"nothing writes {each}" for each in values if f'"{each}"' not in _sources())
        if name == "severity_text":
            yield from (
                f"there is no severity {each}" for each in values if each not in SeverityNumber.__members__
            )


@cache
def _sources() -> str:
    """Returns the platform's and the library's code, in which each event is a constant."""
    found = [path for folder in ("app", "otel") for path in (REPOSITORY / folder).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in found)
