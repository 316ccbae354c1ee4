"""The trace store: Jaeger, which gets our boards' TraceQL translated, or Tempo, which gets it as it is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.infra.stores.client import StoreClient
from stack.boards.dashboards import DashboardError, Target
from stack.boards.frames import TraceFound
from stack.boards.window import Window

_CONDITION: Final = re.compile(
    r"\s*([\w.:]+)\s*(=~|!=|>=|<=|=|>|<)\s*(\"(?:[^\"\\]|\\.)*\"|[\w.]+)\s*(?:&&|$)", re.DOTALL
)
_EVERY: Final = frozenset({".*", ".+"})
_MOST_SERVICES: Final = 10


class TraceqlError(DashboardError):
    """TraceQL of a form that our boards do not have."""


@dataclass(slots=True)
class Search:
    """A search of Jaeger's: in these services (None: in all), for traces in which a span has the tags."""

    services: frozenset[str] | None = None
    operation: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    longer: str = ""


def parsed(text: str) -> Search:
    """Returns TraceQL such as ``{ resource.service.name =~ "lms" && status = error && duration > 1s }``.

    Raises:
        TraceqlError: it has another form.
    """
    inside, found, at = text.strip(), Search(), 0
    if not (inside.startswith("{") and inside.endswith("}")):
        raise _wrong(text)
    inside = inside[1:-1].strip()
    while at < len(inside):
        match = _CONDITION.match(inside, at)
        if match is None or not _take(found, *match.groups()):
            raise _wrong(text)
        at = match.end()
    return found


def _take(found: Search, name: str, operator: str, value: str) -> bool:
    """Adds a condition to the search; returns whether Jaeger can look for it."""
    plain = str(json.loads(value, strict=False)) if value.startswith('"') else value
    if name == "resource.service.name" and operator in {"=", "=~"}:
        # Several values of a variable are joined by bars; names of services contain nothing else special.
        found.services = None if plain in _EVERY else frozenset(plain.split("|"))
    elif name in {"duration", "traceDuration", "span:duration", "trace:duration"} and operator in {">", ">="}:
        found.longer = plain
    elif operator != "=":
        return False
    elif name == "status":
        found.tags["error"] = "true" if plain == "error" else "false"
    elif name == "name":
        found.operation = plain
    elif name == "kind":
        found.tags["span.kind"] = plain
    else:
        found.tags[name.removeprefix("span").removeprefix("resource").removeprefix(".")] = plain
    return True


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


class _JaegerTrace(BaseModel):
    trace_id: str = Field(alias="traceID")
    spans: list[_JaegerSpan]
    processes: dict[str, dict[str, Any]]


class _JaegerTraces(BaseModel):
    data: list[_JaegerTrace] | None = None


class _Services(BaseModel):
    data: list[str] | None = None


class _TempoTrace(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    trace_id: str = Field(alias="traceID")
    service: str = Field("", alias="rootServiceName")
    name: str = Field("", alias="rootTraceName")
    start: int = Field(alias="startTimeUnixNano")
    milliseconds: float = Field(0, alias="durationMs")
    services: dict[str, dict[str, Any]] = Field({}, alias="serviceStats")


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

        Raises:
            StoreUnavailable: Jaeger does not answer.
            TraceqlError: the query is none of our boards'.
        """
        wanted = parsed(query)
        known = (await self._client.get(_SERVICES, "/api/services")).data or []
        services = [each for each in known if wanted.services is None or each in wanted.services]
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
        }
        optional = {
            "operation": wanted.operation,
            "tags": json.dumps(wanted.tags) if wanted.tags else "",
            "minDuration": wanted.longer,
        }
        form |= {name: value for name, value in optional.items() if value}
        answer = await self._client.get(_TRACES, "/api/traces", form)
        return [_from_jaeger(each) for each in answer.data or [] if each.spans]


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


def _from_jaeger(trace: _JaegerTrace) -> TraceFound:
    first = min(trace.spans, key=lambda span: (bool(span.references), span.start))
    end = max(span.start + span.duration for span in trace.spans)
    return TraceFound(
        trace_id=trace.trace_id,
        service=str(trace.processes.get(first.process, {}).get("serviceName", "")),
        name=first.operation,
        start=first.start / 1e6,
        seconds=(end - min(span.start for span in trace.spans)) / 1e6,
        failed=any(_failed(span.tags) for span in trace.spans),
    )


def _from_tempo(trace: _TempoTrace) -> TraceFound:
    failed = any(each.get("errorCount") for each in trace.services.values())
    return TraceFound(
        trace.trace_id, trace.service, trace.name, trace.start / 1e9, trace.milliseconds / 1e3, failed
    )


def _failed(tags: list[dict[str, Any]]) -> bool:
    return any(_is_error(tag) for tag in tags)


def _is_error(tag: Mapping[str, Any]) -> bool:
    return tag.get("key") == "error" and tag.get("value") in {True, "true"}


def _wrong(text: str) -> TraceqlError:
    return TraceqlError(
        f"{text!r} is TraceQL that Jaeger cannot answer: join conditions with &&, as "
        '{ resource.service.name =~ "lms" && status = error && duration > 1s }.'
    )
