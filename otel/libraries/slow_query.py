"""The slow-query log: one line per slow call, with a hash to group by and nothing that identifies anyone."""

from __future__ import annotations

from otel.libraries.query_table import SLOW, QueryShape, hash_of
from otel.logs.logger import get_logger

_log = get_logger("slow_query")


def log_slow(
    system: str, operation: str, target: str | None, seconds: float, shape: str, returned: int | None
) -> None:
    """Logs a slow call; `query_hash` is the same for all calls of one `shape`, in every process."""
    query = QueryShape(system, operation, target, shape, hash_of(shape))
    SLOW.add(query, seconds)
    fields: dict[str, object] = {
        "db.system.name": system,
        "db.operation.name": operation,
        "duration_ms": round(seconds * 1000, 3),
        "query_shape": shape,
        "query_hash": query.query_hash,
    }
    if target is not None:
        fields["db.collection.name"] = target
    if returned is not None:
        fields["db.response.returned_rows"] = returned
    _log.warning("slow_query", **fields)
