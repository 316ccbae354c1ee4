from __future__ import annotations

from fastapi import APIRouter, Depends, Request

import otel
from app.infra.resources import Resources
from app.monitoring import alerts, audit, levels, limits, logs, silences, trace
from app.monitoring.health_probes import health
from app.monitoring.metrics import metrics_router
from app.monitoring.metrics_json import metrics_json_router
from app.monitoring.operators import OPERATORS
from app.monitoring.parameters import require_known_parameters
from app.monitoring.performance import performance_router
from app.monitoring.pipeline import TelemetryOut
from app.monitoring.system_status import system_status_router


def monitoring_router(telemetry: otel.Telemetry | None) -> APIRouter:
    """Returns the router of the monitoring API, to be included under a prefix.

    Without ``telemetry`` the endpoints that need it are left out.
    """
    router = APIRouter(tags=["monitoring"])
    # Health is for everybody; the options of all other routes say who may call them, and check parameters.
    router.include_router(health, dependencies=[Depends(require_known_parameters)])
    router.include_router(levels.router)
    router.include_router(audit.router)
    router.include_router(limits.router)
    router.include_router(logs.router)
    router.include_router(alerts.router)
    router.include_router(silences.router)
    router.include_router(trace.router)

    if telemetry is not None:
        _add_telemetry(router, telemetry)
    return router


def _add_telemetry(router: APIRouter, telemetry: otel.Telemetry) -> None:
    if telemetry.config.prometheus:
        router.include_router(metrics_router(telemetry))
        router.include_router(metrics_json_router(telemetry))
        router.include_router(performance_router(telemetry))
    router.include_router(system_status_router(telemetry))

    @router.get("/telemetry", **OPERATORS)
    async def accounts(request: Request) -> TelemetryOut:
        """Reports what happened to this process's spans, data points, log records and error reports.

        The state of its rate limiter is there, too.
        """
        resources: Resources = request.app.state.resources
        return TelemetryOut.of(telemetry, resources.rate_limiter.state())
