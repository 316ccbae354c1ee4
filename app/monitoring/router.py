from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse

import otel
from app.monitoring import levels, logs
from app.monitoring.health import Health, HealthChecks, Status
from app.monitoring.operators import OPERATORS, Operator
from app.monitoring.parameters import require_known_parameters
from app.monitoring.pipeline import TelemetryOut

HEALTH_TYPE: Final = "application/health+json"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": Health, "description": "Not ready: a critical dependency does not answer"}
}


class HealthResponse(JSONResponse):
    """A response whose body is the platform's health."""

    media_type = HEALTH_TYPE


def checks_of(request: Request) -> HealthChecks:
    """Returns the application's health checks."""
    found: HealthChecks = request.app.state.health
    return found


Checks = Annotated[HealthChecks, Depends(checks_of)]

probes = APIRouter(tags=["health"], default_response_class=HealthResponse)


@probes.get("/livez")
async def live() -> Health:
    """Answers while the process runs; depends on nothing else, so an outage elsewhere causes no restart."""
    return Health(status=Status.PASS)


@probes.get("/readyz", responses=NOT_READY)
async def ready(checks: Checks, response: Response) -> Health:
    """Tells whether to send requests here: 503 while the database does not answer."""
    health = await checks.run()
    response.status_code = 503 if health.status is Status.FAIL else 200
    return health.without_details()


def monitoring_router(telemetry: otel.Telemetry | None) -> APIRouter:
    """Returns the router of the monitoring API; without ``telemetry`` its endpoints are left out."""
    router = APIRouter(
        prefix="/monitoring", tags=["monitoring"], dependencies=[Depends(require_known_parameters)]
    )
    router.include_router(levels.router)
    router.include_router(logs.router)

    @router.get("/health", response_class=HealthResponse, responses=NOT_READY)
    async def health(checks: Checks, response: Response, *, is_operator: Operator) -> Health:
        """Returns the platform's health; admins and the metrics token also see the checks."""
        found = await checks.run()
        response.status_code = 503 if found.status is Status.FAIL else 200
        return found if is_operator else found.without_details()

    if telemetry is not None:
        _add_telemetry(router, telemetry)
    return router


def _add_telemetry(router: APIRouter, telemetry: otel.Telemetry) -> None:
    if telemetry.config.prometheus:

        @router.get("/metrics", response_class=PlainTextResponse, **OPERATORS)
        async def metrics() -> Response:
            """Returns this process's metrics in Prometheus' text format, to admins and the metrics token."""
            return Response(await asyncio.to_thread(telemetry.prometheus_text), media_type=METRICS_TYPE)

    @router.get("/telemetry", **OPERATORS)
    async def accounts() -> TelemetryOut:
        """Reports what happened to this process's spans, data points, log records and error reports."""
        return TelemetryOut.of(telemetry)
