"""Jaeger and Tempo, asked through their HTTP APIs: both answer in OTLP's JSON, in envelopes of their own."""

from __future__ import annotations

import asyncio
from typing import Final

from pydantic import AliasChoices, BaseModel, Field, TypeAdapter
from pydantic_core import from_json

from app.infra.stores.client import StoreClient, StoreUnavailable
from app.infra.stores.traces import Span, TraceData, spans_of

JAEGER_PATH: Final = "/api/v3/traces"
TEMPO_PATH: Final = "/api/v2/traces"
_NOT_FOUND: Final = 404


class _Answer(BaseModel):
    trace: TraceData = Field(validation_alias=AliasChoices("result", "trace"))


_ANSWER: Final = TypeAdapter(_Answer)


class OtlpTraces:
    """A trace store that has traces under ``path``, by id."""

    def __init__(self, client: StoreClient, path: str) -> None:
        self.source = client.source
        self._client = client
        self._path = path

    async def trace(self, trace_id: str) -> list[Span]:
        """Returns the spans of a trace by their start; none if there is no such trace.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        try:
            body = await self._client.exchange("GET", f"{self._path}/{trace_id}")
        except StoreUnavailable as error:
            if error.answered == _NOT_FOUND:
                return []
            raise
        # A large trace takes seconds to read; the event loop runs meanwhile.
        return await asyncio.to_thread(self._spans, body)

    def _spans(self, body: bytes) -> list[Span]:
        try:
            # Faster than `validate_json`, which keeps all of it twice.
            return spans_of(_ANSWER.validate_python(from_json(body)).trace)
        except ValueError:
            raise self._client.odd() from None
