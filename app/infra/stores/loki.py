"""Loki, asked through its HTTP API."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from app.infra.stores.client import StoreClient
from app.infra.stores.logs import LogQuery, LogRecord, record
from app.infra.stores.queries import LINE_LABEL, logql


class _Stream(BaseModel):
    stream: dict[str, str]
    values: list[tuple[int, str]]


class _Streams(BaseModel):
    kind: Literal["streams"] = Field(alias="resultType")
    result: list[_Stream]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Streams


_ANSWER: Final = TypeAdapter(_Answer)


class Loki:
    """The log store of the Docker stack, or one of the user's own."""

    def __init__(self, client: StoreClient) -> None:
        self.source = client.source
        self._client = client

    async def records(self, query: LogQuery) -> list[LogRecord]:
        """Returns the records, the newest first.

        Raises:
            StoreUnavailable: Loki does not answer.
        """
        form: dict[str, str | int] = {
            "query": logql(query),
            "start": query.start,
            "end": query.end + 1,  # Loki leaves the end out
            "limit": query.limit,
            "direction": "backward",
        }
        answer = await self._client.search(_ANSWER, "/loki/api/v1/query_range", form)
        found = [
            record(time, line, {name: value for name, value in each.stream.items() if name != LINE_LABEL})
            for each in answer.data.result
            for time, line in each.values
        ]
        return sorted(found, key=lambda each: each.time, reverse=True)
