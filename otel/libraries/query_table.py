"""Which queries of this process cost most, by shape: a bounded table that survives no restart."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from opentelemetry.trace import format_trace_id, get_current_span

from otel.context import REQUEST

MOST_ROWS: Final = 200

_Key = tuple[str, str, str | None, str | None]


def hash_of(shape: str) -> str:
    """Returns a short hash of a query's shape, the same in every process."""
    return blake2b(shape.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class QueryShape:
    """A query without its values: `shape` as one line, `query_hash` its hash; a cache has no collection."""

    system: str
    operation: str
    collection: str | None
    shape: str
    query_hash: str


@dataclass(frozen=True, slots=True)
class QueryCost:
    """What one shape cost on one route: `times` it was noted, the `total` and the `largest` amount.

    `trace_id` is the last trace it was part of, `last_seen` is in seconds since the epoch.
    """

    query: QueryShape
    route: str | None
    times: int
    total: float
    largest: float
    trace_id: str | None
    last_seen: float


class QueryTable:
    """The costs of at most 200 shapes and routes: a new one replaces the one with the least total."""

    def __init__(self) -> None:
        self.forget()

    def add(self, query: QueryShape, amount: float) -> None:
        """Adds one amount for a query of the current request and span."""
        request, identity = REQUEST.get(), get_current_span().get_span_context()
        route = None if request is None else request.route
        trace_id = format_trace_id(identity.trace_id) if identity.is_valid else None
        key = (query.query_hash, query.operation, query.collection, route)
        with self._lock:
            row = self._rows.get(key) or QueryCost(query, route, 0, 0.0, 0.0, None, 0.0)
            if row.times == 0 and len(self._rows) >= MOST_ROWS:
                del self._rows[min(self._rows, key=lambda each: self._rows[each].total)]
            self._rows[key] = replace(
                row,
                times=row.times + 1,
                total=row.total + amount,
                largest=max(row.largest, amount),
                trace_id=trace_id or row.trace_id,
                last_seen=time.time(),
            )

    def rows(self) -> list[QueryCost]:
        """Returns the costs, the greatest total first."""
        with self._lock:
            rows = list(self._rows.values())
        return sorted(rows, key=lambda row: row.total, reverse=True)

    def forget(self) -> None:
        """Empties the table, as a forked child must."""
        self._lock = threading.Lock()
        self._rows: dict[_Key, QueryCost] = {}


SLOW: Final = QueryTable()
"""Slow queries; the amount is seconds."""

REPEATED: Final = QueryTable()
"""Queries repeated within one request; the amount is how often."""


def forget_queries() -> None:
    """Empties both tables."""
    SLOW.forget()
    REPEATED.forget()
