"""Tempo, asked through its HTTP API (v2)."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, TypeAdapter

from app.infra.stores.client import StoreClient, StoreUnavailable
from app.infra.stores.traces import Span, TraceData, spans_of

_NOT_FOUND: Final = 404


class _Answer(BaseModel):
    trace: TraceData


_ANSWER: Final = TypeAdapter(_Answer)


class Tempo:
    """The trace store of the Docker stack."""

    def __init__(self, client: StoreClient) -> None:
        self.source = client.source
        self._client = client

    async def trace(self, trace_id: str) -> list[Span]:
        """Returns the spans of a trace by their start; none if there is no such trace.

        Raises:
            StoreUnavailable: Tempo does not answer.
        """
        try:
            answer = await self._client.get(_ANSWER, f"/api/v2/traces/{trace_id}")
            return spans_of(answer.trace)
        except StoreUnavailable as error:
            if error.answered == _NOT_FOUND:
                return []
            raise
        except ValueError:
            raise self._client.odd() from None
