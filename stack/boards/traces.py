"""The trace store: Jaeger, which gets our boards' TraceQL translated, or Tempo, which gets it as it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from pydantic import BaseModel, Field, TypeAdapter

from app.infra.stores.client import StoreClient
from stack.boards.dashboards import Target
from stack.boards.frames import TraceFound
from stack.boards.traceql import KIND, SERVICE, STATUS, Search, parsed
from stack.boards.window import Window

_MOST_SERVICES: Final = 10


class TraceStore(Protocol):
    """Answers TraceQL."""

    async def search(self, target: Target, query: str, window: Window) -> list[TraceFound]:
        """Returns the traces that a query finds, the newest first."""


class _JaegerSpan(BaseModel):
    operation: str = Field(alias="operationName")
    process: str = Field(alias="processID")
    start: int = Field(alias="startTime")
    duration: int
    references: list[Any] = []
    tags: list[dict[str, Any]] = []


class _JaegerProcess(BaseModel):
    service: str = Field("", alias="serviceName")
    tags: list[dict[str, Any]] = []


class _JaegerTrace(BaseModel):
    trace_id: str = Field(alias="traceID")
    spans: list[_JaegerSpan]
    processes: dict[str, _JaegerProcess]

    def has(self, wanted: Search) -> bool:
        """Returns whether one of its spans fulfils all conditions: Jaeger's index knows of traces only."""
        return any(
            wanted.found(_facts(each, self.processes[each.process]), each.duration) for each in self.spans
        )


class _JaegerTraces(BaseModel):
    data: list[_JaegerTrace] | None = None


class _Services(BaseModel):
    data: list[str] | None = None


class _TempoTrace(BaseModel):
    trace_id: str = Field(alias="traceID")
    service: str = Field("", alias="rootServiceName")
    name: str = Field("", alias="rootTraceName")
    start: int = Field(alias="startTimeUnixNano")
    milliseconds: float = Field(0, alias="durationMs")


class _TempoTraces(BaseModel):
    traces: list[_TempoTrace] = []


_TRACES: Final = TypeAdapter(_JaegerTraces)
_SERVICES: Final = TypeAdapter(_Services)
_TEMPO: Final = TypeAdapter(_TempoTraces)


class Jaeger:
    """The trace store of the native stack."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def search(self, target: Target, query: str, window: Window) -> list[TraceFound]:
        """Returns the traces that a query finds, the newest first.

        Jaeger's limit counts before what it cannot look for is sorted out, so that there may be fewer.

        Raises:
            StoreUnavailable: Jaeger does not answer.
            TraceqlError: the query is none of our boards'.
        """
        wanted = parsed(query)
        known = (await self._client.get(_SERVICES, "/api/services")).data or []
        services = [each for each in known if wanted.of_service(each)]
        asked = [self._of(each, wanted, target.most, window) for each in services[:_MOST_SERVICES]]
        found = {trace.trace_id: trace for each in await asyncio.gather(*asked) for trace in each}
        newest = sorted(found.values(), key=lambda trace: -trace.start)
        return newest[: target.most]

    async def _of(self, service: str, wanted: Search, most: int, window: Window) -> list[TraceFound]:
        form: dict[str, str | int] = {
            "service": service,
            "start": round(window.start * 1e6),
            "end": round(window.end * 1e6),
            "limit": most,
            "tags": json.dumps(wanted.tags()),
            "minDuration": f"{wanted.longer}us",
        }
        answer = await self._client.get(_TRACES, "/api/traces", form)
        return [_from_jaeger(each) for each in answer.data or [] if each.has(wanted)]


class Tempo:
    """A Tempo of the user's own."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def search(self, target: Target, query: str, window: Window) -> list[TraceFound]:
        """Returns the traces that a query finds, the newest first.

        Raises:
            StoreUnavailable: Tempo does not answer, or refuses the query.
        """
        form: dict[str, str | int] = {
            "q": query,
            "start": round(window.start),
            "end": round(window.end),
            "limit": target.most,
        }
        found = (await self._client.get(_TEMPO, "/api/search", form)).traces
        return [_from_tempo(each) for each in sorted(found, key=lambda trace: -trace.start)]


def _facts(span: _JaegerSpan, process: _JaegerProcess) -> dict[str, str]:
    """Returns what conditions ask for, by its name in TraceQL."""
    own, resource = _texts(span.tags), _texts(process.tags)
    facts = {f"resource.{name}": value for name, value in resource.items()}
    facts |= {f"span.{name}": value for name, value in own.items()}
    facts |= {SERVICE: process.service, STATUS: "error" if own.get("error") == "true" else ""}
    return facts | {KIND: own.get("span.kind", "")}


def _texts(tags: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    values = {str(tag.get("key")): tag.get("value") for tag in tags}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def _from_jaeger(trace: _JaegerTrace) -> TraceFound:
    first = min(trace.spans, key=lambda span: (bool(span.references), span.start))
    end = max(span.start + span.duration for span in trace.spans)
    return TraceFound(
        trace_id=trace.trace_id,
        service=trace.processes[first.process].service,
        name=first.operation,
        start=first.start / 1e6,
        seconds=(end - min(span.start for span in trace.spans)) / 1e6,
    )


def _from_tempo(trace: _TempoTrace) -> TraceFound:
    return TraceFound(trace.trace_id, trace.service, trace.name, trace.start / 1e9, trace.milliseconds / 1e3)
