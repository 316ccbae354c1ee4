"""Prometheus: what panels, variables and annotations ask it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from app.infra.stores.client import StoreClient
from app.infra.stores.prometheus import Prometheus
from stack.boards.dashboards import Target
from stack.boards.frames import Exemplar, Series, legend
from stack.boards.window import Window

MOST_SERIES: Final = 200
MOST_EXEMPLARS: Final = 150
_TRACE_ID: Final = "trace_id"


class _Values(BaseModel):
    status: Literal["success"]
    data: list[str]


class _Exemplar(BaseModel):
    labels: dict[str, str]
    value: float
    timestamp: float


class _ExemplarsOfSeries(BaseModel):
    exemplars: list[_Exemplar] = Field(default=[])


class _Exemplars(BaseModel):
    status: Literal["success"]
    data: list[_ExemplarsOfSeries]


_VALUES: Final = TypeAdapter(_Values)
_EXEMPLARS: Final = TypeAdapter(_Exemplars)


class Metrics:
    """Answers PromQL."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client
        self._prometheus = Prometheus(client)

    async def series(self, target: Target, query: str, window: Window, name: str) -> list[Series]:
        """Returns the series of a target: over the range, or one point each at its end.

        Args:
            target: the panel's query.
            query: its text, expanded.
            window: the range.
            name: how a series without labels is called.

        Raises:
            StoreUnavailable: Prometheus does not answer, or refuses the query.
        """
        if target.instant:
            samples = await self._prometheus.query(query, _time(window.end))
            return [
                Series(legend(target.legend, each.labels, name), each.labels, [(each.timestamp, each.value)])
                for each in samples[:MOST_SERIES]
            ]
        start, end = window.aligned
        found = await self._prometheus.query_range(query, _time(start), _time(end), window.interval)
        return [
            Series(legend(target.legend, each.labels, name), each.labels, each.points)
            for each in found[:MOST_SERIES]
        ]

    async def values(self, selector: str, label: str, window: Window) -> Sequence[str]:
        """Returns the values that a label has in the range, sorted; an empty selector: of all series.

        Raises:
            StoreUnavailable: as `series`.
        """
        query = {"start": f"{window.start:.3f}", "end": f"{window.end:.3f}"}
        if selector:
            query["match[]"] = selector
        found = await self._client.get(_VALUES, f"/api/v1/label/{label}/values", query)
        return sorted(found.data)

    async def exemplars(self, query: str, window: Window) -> list[Exemplar]:
        """Returns exemplars of the series that a query reads, evenly chosen if there are many.

        Raises:
            StoreUnavailable: as `series`.
        """
        form = {"query": query, "start": f"{window.start:.3f}", "end": f"{window.end:.3f}"}
        answer = await self._client.search(_EXEMPLARS, "/api/v1/query_exemplars", form)
        found = [
            Exemplar(each.timestamp, each.value, each.labels[_TRACE_ID])
            for series in answer.data
            for each in series.exemplars
            if _TRACE_ID in each.labels
        ]
        found.sort(key=lambda each: each.time)
        return found[:: math.ceil(len(found) / MOST_EXEMPLARS) or 1]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
