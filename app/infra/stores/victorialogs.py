"""VictoriaLogs, asked through its HTTP API."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from app.infra.stores.client import StoreClient
from app.infra.stores.logs import LogQuery, LogRecord, record
from app.infra.stores.queries import logsql

_FACTS: Final = TypeAdapter(dict[str, str])
_SECOND: Final = 1_000_000_000


class VictoriaLogs:
    """The log store of the native stack."""

    def __init__(self, client: StoreClient) -> None:
        self.source = client.source
        self._client = client

    async def records(self, query: LogQuery) -> list[LogRecord]:
        """Returns the records, the newest first.

        Raises:
            StoreUnavailable: VictoriaLogs does not answer.
        """
        form = {"query": logsql(query), "start": query.start, "end": query.end + 1, "limit": query.limit}
        # VictoriaLogs leaves the end out.
        body = await self._client.exchange("POST", "/select/logsql/query", data=form)
        found = [self._record(line) for line in body.splitlines()]
        return sorted(found, key=lambda each: each.time, reverse=True)

    def _record(self, line: bytes) -> LogRecord:
        facts = self._client.read(_FACTS, line)
        try:
            return record(_nanoseconds(facts["_time"]), facts.get("_msg", ""), facts)
        except (KeyError, ValueError):
            raise self._client.odd() from None


def _nanoseconds(text: str) -> int:
    """Returns a time such as 2026-11-27T16:16:06.216002048Z as nanoseconds since the epoch."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * _SECOND + int(fraction.ljust(9, "0") or 0)
