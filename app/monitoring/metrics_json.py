"""The metrics as JSON for a front end, with the business figures on top."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta
from typing import Annotated, Final, Self

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

import otel
from app.core.clock import Clock
from app.infra.stores import Stores
from app.monitoring.figures import ProcessFigures, PrometheusFigures
from app.monitoring.kpis import Kpis, kpis_of
from app.monitoring.operators import OPERATORS
from app.monitoring.parameters import DurationText
from app.monitoring.partial import Partial, Sources

SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(hours=24)


def _within_bounds(window: timedelta) -> timedelta:
    if not SHORTEST <= window <= LONGEST:
        raise ValueError("must be from 5m to 24h")
    return window


Window = Annotated[DurationText, AfterValidator(_within_bounds)]
"""A period that ends now, from 5m to 24h."""

Prefix = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=100)]


class MetricsQuery(BaseModel):
    """Which metrics to list."""

    model_config = ConfigDict(frozen=True)

    prefix: Prefix | None = Field(
        None, description="Only metrics whose name in Prometheus starts with it.", examples=["lms_"]
    )
    window: Window = Field(
        LONGEST,
        description="Period of the platform's business figures, from 5m to 24h.",
        validate_default=False,
    )


class BucketOut(BaseModel):
    """A bucket of a histogram."""

    le: float | None = Field(description="Its upper bound; null for the last one.", examples=[0.05])
    count: float = Field(description="Measurements up to this bound.", examples=[7])


class SeriesOut(BaseModel):
    """One series: a number has a value, a histogram has the other three."""

    labels: dict[str, str] = Field(examples=[{"outcome": "created"}])
    value: float | None = Field(examples=[60])
    count: float | None = Field(description="Measurements.", examples=[None])
    sum: float | None = Field(description="Their sum.", examples=[None])
    buckets: list[BucketOut] | None = Field(examples=[None])

    @classmethod
    def of(cls, labels: dict[str, str], value: float | otel.Buckets) -> Self:
        """Returns a series as it is shown."""
        if not isinstance(value, otel.Buckets):
            return cls(labels=labels, value=value, count=None, sum=None, buckets=None)
        buckets = [
            BucketOut(le=None if math.isinf(bound) else bound, count=count) for bound, count in value.bounds
        ]
        return cls(labels=labels, value=None, count=value.count, sum=value.total, buckets=buckets)


class MetricOut(BaseModel):
    """A metric of the process that answered."""

    name: str = Field(description="Its name in Prometheus.", examples=["lms_registrations_total"])
    type: str = Field(description="counter, gauge, histogram or info.", examples=["counter"])
    unit: str = Field(description="The unit in which the name ends; may be empty.", examples=[""])
    help: str = Field(examples=["Attempts to create an account."])
    series: list[SeriesOut]

    @classmethod
    def of(cls, family: otel.MetricFamily) -> Self:
        """Returns a metric as it is shown."""
        return cls(
            name=family.name,
            type=family.kind,
            unit=family.unit,
            help=family.description,
            series=[SeriesOut.of(dict(each.labels), each.value) for each in family.series],
        )


class MetricsOut(Partial):
    """Business figures of both scopes, and the metrics of the process that answered."""

    instance: str = Field(description="The process that answered.", examples=["lms-1-0"])
    collected_at: datetime
    platform: Kpis | None = Field(
        description="Of all processes; null if Prometheus does not answer, or has none."
    )
    process: Kpis = Field(description="Of the process that answered, since its start.")
    metrics: list[MetricOut] = Field(description="Of the process that answered, by name.")


def metrics_json_router(telemetry: otel.Telemetry) -> APIRouter:
    """Returns the endpoint for front ends."""
    router = APIRouter()

    @router.get("/metrics/json", **OPERATORS)
    async def metrics_json(request: Request, wanted: Annotated[MetricsQuery, Query()]) -> MetricsOut:
        """Returns the metrics of `metrics` as JSON, with the business figures and the funnel on top.

        `metrics` and `process` are of the process that answered, so two requests may get two workers'.
        `platform` is of all processes, from Prometheus; `active_users` is of the whole platform in both.
        """
        stores: Stores = request.app.state.stores
        clock: Clock = request.app.state.clock
        return await _page(telemetry, stores, wanted, clock.now())

    return router


async def _page(telemetry: otel.Telemetry, stores: Stores, wanted: MetricsQuery, now: datetime) -> MetricsOut:
    families = await asyncio.to_thread(telemetry.metric_families)
    sources = Sources()
    platform = await _platform(stores, telemetry.service, wanted.window, sources)
    shown = [each for each in families if each.name.startswith(wanted.prefix or "")]
    return MetricsOut(
        **sources.account().model_dump(),
        instance=telemetry.instance,
        collected_at=now,
        platform=platform,
        process=await kpis_of(ProcessFigures(families, telemetry.seconds)),
        metrics=[MetricOut.of(family) for family in sorted(shown, key=lambda each: each.name)],
    )


async def _platform(stores: Stores, service: str, window: timedelta, sources: Sources) -> Kpis | None:
    if stores.prometheus is None:
        sources.not_configured("prometheus")
        return None
    asked = kpis_of(PrometheusFigures(stores.prometheus, service, window))
    found = await sources.ask(asked, None)
    if found is not None and not found.is_known:
        sources.has_nothing(stores.prometheus.source)
        return None
    return found
