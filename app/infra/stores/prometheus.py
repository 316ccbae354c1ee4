"""Prometheus, asked through its HTTP API (v1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, TypeAdapter

from app.infra.stores.client import StoreClient

_Point = tuple[float, float]  # the value is text, `NaN` and `+Inf` too


@dataclass(frozen=True, slots=True)
class Sample:
    """A series' value at a time, in seconds since the epoch; NaN and the infinities are values, too."""

    labels: Mapping[str, str]
    value: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class Series:
    """A series' values over time: pairs of seconds since the epoch and the value, oldest first."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class _Instant(BaseModel):
    metric: dict[str, str]
    value: _Point | None = None  # native histograms have none


class _Range(BaseModel):
    metric: dict[str, str]
    values: tuple[_Point, ...] = ()


class _Vector(BaseModel):
    kind: Literal["vector"] = Field(alias="resultType")
    result: list[_Instant]


class _Scalar(BaseModel):
    kind: Literal["scalar"] = Field(alias="resultType")
    result: _Point


class _Matrix(BaseModel):
    kind: Literal["matrix"] = Field(alias="resultType")
    result: list[_Range]


class RuleAlert(BaseModel):
    """An alert of Prometheus' rules; ``active_at`` is since when its condition holds."""

    labels: dict[str, str]
    annotations: dict[str, str]
    state: Literal["pending", "firing"]
    active_at: datetime = Field(alias="activeAt")


class _RuleAlerts(BaseModel):
    alerts: list[RuleAlert]


class _Alerting(BaseModel):
    status: Literal["success"]
    data: _RuleAlerts


class _Now(BaseModel):
    status: Literal["success"]
    data: Annotated[_Vector | _Scalar, Field(discriminator="kind")]


class _Then(BaseModel):
    status: Literal["success"]
    data: _Matrix


_NOW: Final = TypeAdapter(_Now)
_THEN: Final = TypeAdapter(_Then)
_ALERTING: Final = TypeAdapter(_Alerting)


class Prometheus:
    """Answers PromQL; build expressions with `app.infra.stores.queries`."""

    def __init__(self, client: StoreClient) -> None:
        self.source = client.source
        self._client = client

    async def query(self, expression: str, at: datetime | None = None) -> list[Sample]:
        """Returns the samples of an expression, now or at a time; a scalar is a sample without labels.

        Raises:
            StoreUnavailable: Prometheus does not answer, or refuses the expression.
        """
        form = {"query": expression, **({} if at is None else {"time": at.isoformat()})}
        data = (await self._client.search(_NOW, "/api/v1/query", form)).data
        if isinstance(data, _Scalar):
            moment, value = data.result
            return [Sample({}, value, moment)]
        return [
            Sample(each.metric, each.value[1], each.value[0])
            for each in data.result
            if each.value is not None
        ]

    async def query_range(self, expression: str, start: datetime, end: datetime, step: float) -> list[Series]:
        """Returns the series of an expression between two times, a value every ``step`` seconds.

        Raises:
            StoreUnavailable: As `query`; more than 11,000 points a series are refused.
        """
        form = {
            "query": expression,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "step": f"{step:g}",
        }
        answer = await self._client.search(_THEN, "/api/v1/query_range", form)
        return [Series(each.metric, each.values) for each in answer.data.result]

    async def samples(self, selector: str, at: datetime | None = None) -> list[Series]:
        """Returns the samples that a range selector finds, as they are stored, up to a time of its own clock.

        Raises:
            StoreUnavailable: As `query`.
        """
        form = {"query": selector, **({} if at is None else {"time": at.isoformat()})}
        answer = await self._client.search(_THEN, "/api/v1/query", form)
        return [Series(each.metric, each.values) for each in answer.data.result]

    async def alerts(self) -> list[RuleAlert]:
        """Returns the alerts that are pending or fire, by its rules.

        Raises:
            StoreUnavailable: Prometheus does not answer.
        """
        return (await self._client.get(_ALERTING, "/api/v1/alerts")).data.alerts
