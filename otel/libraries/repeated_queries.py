"""Counts the queries of each request by shape: one that is repeated often is usually a loop (N+1)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from otel.context import REQUEST, RequestContext
from otel.foreign.guard import harmless
from otel.libraries.database_metrics import REPEATED_QUERIES
from otel.libraries.query_table import REPEATED, QueryShape, hash_of
from otel.logs.logger import get_logger
from otel.request_names import UNMATCHED

_MOST_SHAPES: Final = 100
_UNSHAPED: Final = 2
_log = get_logger("repeated_queries")
# Concurrent queries of one request run in threads of their own.
_lock: Final = threading.Lock()


class Kind(Protocol):
    """What queries of one name on one collection share; the same object for all of them."""

    @property
    def name(self) -> str:
        """The operation."""

    @property
    def collection(self) -> str | None:
        """The collection."""


class RequestQueries:
    """The queries of one request; `most` is how often a shape may occur before it is reported.

    The first two queries of a kind are counted without their shape, which costs 10 to 30 µs. They are added
    to the shape of the others if these have only one.
    """

    __slots__ = ("_kinds", "_most", "_shapes", "_system", "_unshaped")

    def __init__(self, system: str, most: int) -> None:
        self._system = system
        self._most = most
        self._unshaped = min(_UNSHAPED, most)
        self._kinds: dict[Kind, int] = {}
        self._shapes: dict[tuple[Kind, str], int] = {}

    def count(self, kind: Kind, shape: Callable[[], str]) -> None:
        """Counts a query; `shape` returns its shape."""
        with _lock:
            seen = self._kinds[kind] = self._kinds.get(kind, 0) + 1
            if seen <= self._unshaped:
                return
        key = (kind, shape())
        with _lock:
            if key in self._shapes or len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = self._shapes.get(key, 0) + 1

    @harmless
    def end(self, request: RequestContext) -> None:
        """Records each shape that was repeated too often, and logs the most frequent one."""
        if max(self._kinds.values()) <= self._most:
            return
        repeated = {key: times for key, times in self._times().items() if times > self._most}
        if not repeated:
            return
        for (kind, shape), times in repeated.items():
            self._record(kind, shape, times, request.route or UNMATCHED)
        kind, shape = max(repeated, key=lambda key: repeated[key])
        fields: dict[str, object] = {
            "db.system.name": self._system,
            "db.operation.name": kind.name,
            "db.collection.name": kind.collection,
            "query_shape": shape,
            "query_hash": hash_of(shape),
            "count": repeated[kind, shape],
            "repeated_shapes": len(repeated),
        }
        _log.warning("repeated_queries", **fields)

    def _times(self) -> dict[tuple[Kind, str], int]:
        """Returns how often each shape occurred, or at least occurred if its kind has several."""
        shapes = Counter(kind for kind, _ in self._shapes)
        return {
            (kind, shape): times if shapes[kind] > 1 else self._kinds[kind]
            for (kind, shape), times in self._shapes.items()
        }

    def _record(self, kind: Kind, shape: str, times: int, route: str) -> None:
        attributes = {"db.system.name": self._system, "db.operation.name": kind.name, "http.route": route}
        if kind.collection is not None:
            attributes["db.collection.name"] = kind.collection
        REPEATED_QUERIES.record(times, attributes)
        query = QueryShape(self._system, kind.name, kind.collection, shape, hash_of(shape))
        REPEATED.add(query, times)


def count_query(system: str, most: int, kind: Kind, shape: Callable[[], str]) -> None:
    """Counts a query of the current request, if there is one; `most` of 0 counts nothing."""
    request = REQUEST.get() if most else None
    if request is None:
        return
    queries = request.queries
    if queries is None:
        queries = request.queries = RequestQueries(system, most)
    queries.count(kind, shape)
