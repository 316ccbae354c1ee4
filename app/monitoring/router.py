from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import JSONResponse

from app.core.errors import RoleRequired, TokenInvalid, Unauthenticated
from app.http.auth import Authentication, Credentials
from app.http.problems import refusals
from app.monitoring.health import Health, HealthChecks, Status

HEALTH_TYPE: Final = "application/health+json"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": Health, "description": "Not ready: something critical does not answer"}
}


class HealthResponse(JSONResponse):
    """A response whose body is the health of the platform."""

    media_type = HEALTH_TYPE


def checks_of(request: Request) -> HealthChecks:
    """Returns the application's health checks."""
    found: HealthChecks = request.app.state.health
    return found


Checks = Annotated[HealthChecks, Depends(checks_of)]

probes = APIRouter(tags=["health"])


@probes.get("/livez")
async def live() -> Health:
    """Answers as long as the process runs; needs nothing else, so that an outage restarts nobody."""
    return Health(status=Status.PASS)


@probes.get("/readyz", responses=NOT_READY)
async def ready(checks: Checks, response: Response) -> Health:
    """Tells whether requests should be sent here: 503 while the database does not answer."""
    health = await checks.run()
    response.status_code = 503 if health.status is Status.FAIL else 200
    return health.without_details()


async def operator(credentials: Credentials, authentication: Authentication) -> bool:
    """Tells whether an operator asks: the metrics token, or an admin's."""
    if credentials is None:
        return False
    if authentication.is_metrics_token(credentials.credentials):
        return True
    return (await authentication.principal(credentials.credentials)).is_admin


Operator = Annotated[bool, Depends(operator)]


def monitoring_router(prometheus_text: Callable[[], bytes] | None) -> APIRouter:
    """Returns the router of the monitoring API; ``prometheus_text`` renders this process's metrics.

    Without it there is no metrics endpoint.
    """
    router = APIRouter(prefix="/monitoring", tags=["monitoring"])

    @router.get("/health", responses=NOT_READY)
    async def health(checks: Checks, response: Response, *, is_operator: Operator) -> Health:
        """Tells how the platform stands, and to admins and the metrics token why."""
        found = await checks.run()
        response.status_code = 503 if found.status is Status.FAIL else 200
        return found if is_operator else found.without_details()

    if prometheus_text is not None:
        _add_metrics(router, prometheus_text)
    return router


def _add_metrics(router: APIRouter, prometheus_text: Callable[[], bytes]) -> None:
    @router.get("/metrics", responses=refusals(Unauthenticated, TokenInvalid, RoleRequired))
    async def metrics(credentials: Credentials, *, is_operator: Operator) -> Response:
        """Returns this process's metrics in Prometheus' text format, to admins and the metrics token."""
        if credentials is None:
            raise Unauthenticated
        if not is_operator:
            raise RoleRequired(roles="admin")
        return Response(await asyncio.to_thread(prometheus_text), media_type=METRICS_TYPE)
