"""The probes of an orchestrator, and the health endpoint: all answer from the last results."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse

from app.http.drain import Drain
from app.monitoring.health import Health
from app.monitoring.health_check import Status
from app.monitoring.health_checks import HealthChecks
from app.monitoring.operators import Operator

HEALTH_TYPE: Final = "application/health+json"
_OK: Final = 200
_UNAVAILABLE: Final = 503


class HealthResponse(JSONResponse):
    """A response whose body is the platform's health, already as text."""

    media_type = HEALTH_TYPE

    def render(self, content: str) -> bytes:
        """Returns the body."""
        return content.encode()


def _unavailable(why: str) -> dict[int | str, dict[str, Any]]:
    return {_UNAVAILABLE: {"model": Health, "description": why}}


def checks_of(request: Request) -> HealthChecks:
    """Returns the application's health checks."""
    found: HealthChecks = request.app.state.health
    return found


def drain_of(request: Request) -> Drain:
    """Returns whether this process is leaving."""
    found: Drain = request.app.state.drain
    return found


Checks = Annotated[HealthChecks, Depends(checks_of)]
Draining = Annotated[Drain, Depends(drain_of)]

_ANSWER: Final[dict[str, Any]] = {"response_class": HealthResponse, "response_model": Health}

probes = APIRouter(tags=["health"])
health = APIRouter()


@probes.get("/livez", **_ANSWER)
async def live() -> HealthResponse:
    """Answers while the event loop runs; depends on nothing else: an outage elsewhere causes no restart."""
    return _answer(Status.PASS)


@probes.get(
    "/readyz",
    **_ANSWER,
    responses=_unavailable("Not ready: the database does not answer, or the process is stopping"),
)
async def ready(checks: Checks, drain: Draining) -> HealthResponse:
    """Tells whether to send requests here: 503 while the database does not answer, and from SIGTERM on."""
    return _answer(Status.PASS if checks.is_ready and not drain.is_draining else Status.FAIL)


@probes.get("/startupz", **_ANSWER, responses=_unavailable("The database has not answered yet"))
async def started(checks: Checks) -> HealthResponse:
    """Tells whether the process has started: 503 until the database has answered, and 200 ever after."""
    return _answer(Status.PASS if checks.has_started else Status.FAIL)


@health.get("/health", **_ANSWER, responses=_unavailable("A critical check fails"))
async def detail(checks: Checks, *, is_operator: Operator) -> HealthResponse:
    """Returns the platform's health by the last results; admins and the metrics token also see why."""
    return _response(*checks.written()) if is_operator else _answer(checks.status())


def _answer(status: Status) -> HealthResponse:
    return _response(status, Health(status=status).text())


def _response(status: Status, body: str) -> HealthResponse:
    """Returns the response, already as text: FastAPI would validate the whole model once more."""
    return HealthResponse(body, _UNAVAILABLE if status is Status.FAIL else _OK)
