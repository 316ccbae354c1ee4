from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Response
from starlette.responses import PlainTextResponse

import otel
from app.monitoring import audit, levels
from app.monitoring.health_probes import health
from app.monitoring.operators import OPERATORS
from app.monitoring.pipeline import TelemetryOut

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def monitoring_router(telemetry: otel.Telemetry | None) -> APIRouter:
    """Returns the router of the monitoring API; without ``telemetry`` its endpoints are left out."""
    router = APIRouter(prefix="/monitoring", tags=["monitoring"])
    router.include_router(health)
    router.include_router(levels.router)
    router.include_router(audit.router)

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
