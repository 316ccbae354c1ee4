"""The composition root: builds the application from settings and telemetry. Nothing runs on import."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware import Middleware

import otel
from app import VERSION
from app.core.addresses import Proxies
from app.core.clock import Clock, SystemClock
from app.core.settings import Settings, load_settings, variable
from app.core.telemetry import LMS_METRICS, telemetry_environ
from app.http.auth import Authenticator
from app.http.body_limit import BodyLimit
from app.http.client_address import ClientAddresses
from app.http.cross_origin import cross_origin
from app.http.drain import DRAIN_STATE, Drain
from app.http.handlers import install_handlers
from app.http.openapi import ProblemApi
from app.http.problems import CATALOGUE_PATH, ProblemKind, catalogue, render_unhandled
from app.http.rate_limit import RouteLimits, known_route, limit_routes
from app.http.storable import require_storable
from app.infra.periodic import repeating
from app.infra.rate_limits import RouteTable, RulesInvalid, RulesSource, rules_source
from app.infra.resources import Resources, open_resources
from app.lms import services
from app.lms.certificates import router as certificates
from app.lms.courses import router as courses
from app.lms.demo import demo_router
from app.lms.enrollments import router as enrollments
from app.lms.submissions import router as submissions
from app.lms.users import router as users
from app.monitoring.alerts.running import AlertRecording
from app.monitoring.checks import running_checks
from app.monitoring.health_probes import probes
from app.monitoring.links import WebLinks
from app.monitoring.report import CHECK_SECONDS, Reports, reports_of, sources_of
from app.monitoring.router import monitoring_router

DESCRIPTION = """A small learning platform. Errors are problem bodies (RFC 9457): `code` is stable; use
`trace_id` and `request_id` to find the request in traces, logs and the error tracker."""
TAGS = [
    {"name": "users", "description": "Accounts and sessions."},
    {"name": "courses", "description": "The catalogue, and course authoring."},
    {"name": "enrollments", "description": "Seats, lessons and progress."},
    {"name": "submissions", "description": "Answers to quizzes."},
    {"name": "certificates", "description": "Proofs of completion that anyone can verify."},
    {"name": "problems", "description": "Every kind of error, by code."},
    {"name": "demo", "description": "Fails occasionally; in demo mode only."},
    {"name": "monitoring", "description": "The platform's own state."},
    {"name": "alert-notifications", "description": "What Alertmanager posts."},
    {"name": "health", "description": "Probes for an orchestrator."},
]
_API = "/api/v1"
# Routes and tags that settings leave out; a rule may name them all the same.
_OPTIONAL = frozenset({"demo", "/api/v1/demo", "/api/v1/monitoring/metrics", "/api/v1/monitoring/telemetry"})


def build() -> FastAPI:
    """Returns this process's application with its telemetry running; uvicorn's factory.

    Raises:
        otel.ConfigError: A setting of the platform or of its telemetry is invalid.
    """
    settings = load_settings()
    given = otel.TelemetryConfig.from_env(telemetry_environ(os.environ))
    attributes = {"service.version": VERSION, **given.resource_attributes}
    config = given.model_copy(update={"resource_attributes": attributes})
    telemetry = otel.configure(config, catalogue=LMS_METRICS)
    return create_app(settings, telemetry)


def create_app(
    settings: Settings, telemetry: otel.Telemetry | None = None, clock: Clock | None = None
) -> FastAPI:
    """Returns the application. It opens its connections on start-up and closes them on shutdown.

    Raises:
        otel.ConfigError: The rules of the rate limiter have a mistake.
    """
    app = ProblemApi(
        ClientAddresses(Proxies.read(settings.trusted_proxies), settings.forwarded_header),
        title="Stegmaier LMS",
        version=VERSION,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=_lifespan(settings, telemetry, clock or SystemClock()),
        telemetry={"tracing": False, "metrics": False, "logs": False},
        middleware=[
            *cross_origin(settings.cors_origins),
            Middleware(BodyLimit, max_bytes=settings.body_limit_bytes),
        ],
        dependencies=[Depends(require_storable)],
        redirect_slashes=False,  # the router's redirects repeat the client's Host header; ours are relative
    )
    install_handlers(app)
    limit_routes()
    # A prefix of the inclusion, not of the router: without one, FastAPI builds every route once more.
    app.include_router(_api(settings, telemetry), prefix=_API)
    app.include_router(certificates.well_known)
    app.include_router(probes)
    app.state.limits = _limits(settings, app)
    otel.instrument(app, render_error=render_unhandled)
    return app


def _limits(settings: Settings, app: FastAPI) -> RulesSource:
    source = rules_source(settings.rate_limits, route_table(app))
    try:
        source.read()
    except RulesInvalid as error:
        raise otel.ConfigError(variable("rate_limits"), str(error)) from error
    return source


def route_table(app: FastAPI) -> RouteTable:
    """Returns the routes that a rule of the rate limiter may name."""
    routes = (known_route(route) for route in iter_route_contexts(app.routes) if route.path is not None)
    return RouteTable(tuple(routes), _OPTIONAL)


def _lifespan(
    settings: Settings, telemetry: otel.Telemetry | None, clock: Clock
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, object]]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, object]]:
        async with open_resources(settings, clock, app.state.limits) as resources:
            app.state.resources = resources
            app.state.services = services.build_services(settings, resources, clock)
            alerts = AlertRecording(settings, resources.database, resources.stores, clock)
            await resources.database.prepare()
            await services.prepare(settings, app.state.services)
            app.state.authenticator = _authenticator(settings, resources, clock)
            app.state.route_limits = RouteLimits(resources.rate_limiter, app.state.authenticator)
            app.state.log_levels = resources.log_levels
            app.state.stores = resources.stores
            app.state.clock = clock
            app.state.web_links = WebLinks.of(settings)
            app.state.alert_history = alerts.history
            app.state.drain = drain = Drain(settings.drain_seconds)
            steps = {
                **services.build_canary(settings, resources, clock).steps(),
                "submissions": app.state.services.submissions.lost,
            }
            reports = _reports(settings, telemetry, resources, alerts, clock)
            async with (
                alerts.running(),
                repeating(CHECK_SECONDS, reports.send_due),
                running_checks(settings, resources, clock, telemetry, steps) as health,
            ):
                app.state.health = health
                with drain.on_sigterm():
                    yield {DRAIN_STATE: drain}

    return lifespan


def _reports(
    settings: Settings,
    telemetry: otel.Telemetry | None,
    resources: Resources,
    alerts: AlertRecording,
    clock: Clock,
) -> Reports:
    service = telemetry.service if telemetry else "lms"
    sources = sources_of(alerts.history.repository, resources.stores, service)
    return reports_of(settings, resources.database, clock, sources)


def _authenticator(settings: Settings, resources: Resources, clock: Clock) -> Authenticator:
    return Authenticator(
        services.build_tokens(settings),
        resources.sessions,
        resources.active_users,
        clock,
        settings.metrics_token.get_secret_value(),
        settings.alerts_token.get_secret_value(),
    )


def _api(settings: Settings, telemetry: otel.Telemetry | None) -> APIRouter:
    api = APIRouter()
    for slice_ in (users, courses, enrollments, submissions, certificates):
        api.include_router(slice_.router)
    if settings.demo_failure_ratio > 0:
        # Which demo request fails is not a secret.
        api.include_router(demo_router(settings.demo_failure_ratio, random.Random()))  # noqa: S311 - see above
    api.include_router(monitoring_router(telemetry), prefix="/monitoring")
    api.add_api_route(CATALOGUE_PATH.removeprefix(_API), _problems, tags=["problems"])
    return api


async def _problems() -> list[ProblemKind]:
    """Lists every kind of problem that this API returns; `type` in a problem body points here."""
    return catalogue()
