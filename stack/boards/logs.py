"""The log store: VictoriaLogs, which gets our boards' LogQL translated, or Loki, which gets it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel, Field, TypeAdapter

from app.infra.stores.client import StoreClient
from stack.boards.dashboards import Target
from stack.boards.frames import LogLine, Series, legend
from stack.boards.logql import parsed
from stack.boards.logsql import VALUE, in_loki, logsql
from stack.boards.window import Window

_SECOND: Final = 1_000_000_000
MOST_SERIES: Final = 50


class LogStore(Protocol):
    """Answers LogQL."""

    async def series(self, target: Target, query: str, window: Window, name: str) -> list[Series]:
        """Returns how many lines there are, over the range or in all of it (`Metrics.series`)."""

    async def lines(self, target: Target, query: str, window: Window) -> list[LogLine]:
        """Returns lines, the newest first."""


class _Result(BaseModel):
    metric: dict[str, str] = {}
    stream: dict[str, str] = {}
    value: tuple[float, float] | None = None
    values: list[tuple[Any, Any]] = []


class _Data(BaseModel):
    kind: str = Field(alias="resultType")
    result: list[_Result]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Data


_ANSWER: Final = TypeAdapter(_Answer)
_FACTS: Final = TypeAdapter(dict[str, str])


class VictoriaLogs:
    """The log store of the native stack."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def series(self, target: Target, query: str, window: Window, name: str) -> list[Series]:
        """Returns how many lines there are, over the range or in all of it.

        Raises:
            StoreUnavailable: VictoriaLogs does not answer.
            LogqlError: the query is none of our boards'.
        """
        translated = logsql(parsed(query))
        if target.instant:
            moment = f"{window.end:.3f}"
            form = {"query": f"_time:{window.length:.0f}s {translated}", "time": moment}
            answer = await self._client.search(_ANSWER, "/select/logsql/stats_query", form)
            return _series(answer, target, name)
        start, end = window.aligned
        form = {"query": translated, "start": f"{start:.0f}", "end": f"{end:.0f}"}
        form["step"] = f"{window.interval:.0f}s"
        answer = await self._client.search(_ANSWER, "/select/logsql/stats_query_range", form)
        # A point counts what comes after its time; in LogQL, what came before it.
        return _series(answer, target, name, later=window.interval)

    async def lines(self, target: Target, query: str, window: Window) -> list[LogLine]:
        """Returns lines, the newest first.

        Raises:
            StoreUnavailable: VictoriaLogs does not answer.
            LogqlError: the query is none of our boards'.
        """
        form = {
            "query": f"{logsql(parsed(query))} | sort by (_time desc) limit {target.most:d}",
            "start": f"{window.start:.3f}",
            "end": f"{window.end:.3f}",
        }
        body = await self._client.exchange("POST", "/select/logsql/query", data=form)
        found = [self._line(each) for each in body.splitlines()]
        return sorted(found, key=lambda each: each.time, reverse=True)

    def _line(self, line: bytes) -> LogLine:
        facts = self._client.read(_FACTS, line)
        try:
            time, text = _nanoseconds(facts.pop("_time")), facts.pop("_msg", "")
        except (KeyError, ValueError):
            raise self._client.odd() from None
        hidden = {"_stream", "_stream_id"}
        return LogLine(
            time, text, {in_loki(name): value for name, value in facts.items() if name not in hidden}
        )


class Loki:
    """A Loki of the user's own."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def series(self, target: Target, query: str, window: Window, name: str) -> list[Series]:
        """Returns how many lines there are, over the range or in all of it.

        Raises:
            StoreUnavailable: Loki does not answer, or refuses the query.
        """
        if target.instant:
            form = {"query": query, "time": f"{window.end:.0f}"}
            return _series(await self._client.search(_ANSWER, "/loki/api/v1/query", form), target, name)
        start, end = window.aligned
        form = {
            "query": query,
            "start": f"{start:.0f}",
            "end": f"{end:.0f}",
            "step": f"{window.interval:.0f}s",
        }
        return _series(await self._client.search(_ANSWER, "/loki/api/v1/query_range", form), target, name)

    async def lines(self, target: Target, query: str, window: Window) -> list[LogLine]:
        """Returns lines, the newest first.

        Raises:
            StoreUnavailable: Loki does not answer, or refuses the query.
        """
        form: dict[str, str | int] = {
            "query": query,
            "start": f"{window.start:.3f}",
            "end": f"{window.end:.3f}",
            "limit": target.most,
            "direction": "backward",
        }
        answer = await self._client.search(_ANSWER, "/loki/api/v1/query_range", form)
        found = [
            LogLine(int(time), str(text), each.stream)
            for each in answer.data.result
            for time, text in each.values
        ]
        return sorted(found, key=lambda each: each.time, reverse=True)


def _series(answer: _Answer, target: Target, name: str, later: float = 0) -> list[Series]:
    return [_one(each, target, name, later) for each in answer.data.result[:MOST_SERIES]]


def _one(result: _Result, target: Target, name: str, later: float) -> Series:
    labels = _labels(result.metric)
    points = result.values if result.value is None else [result.value]
    moved = [(float(time) + later, float(value)) for time, value in points]
    return Series(legend(target.legend, labels, name), labels, moved)


def _labels(metric: Mapping[str, str]) -> dict[str, str]:
    return {in_loki(key): value for key, value in metric.items() if (key, value) != ("__name__", VALUE)}


def _nanoseconds(text: str) -> int:
    """Returns a time such as 2026-11-27T16:16:06.216002048Z as nanoseconds since the epoch."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * _SECOND + int(fraction.ljust(9, "0") or 0)
