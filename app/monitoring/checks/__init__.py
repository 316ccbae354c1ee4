"""The platform's health checks: one file each, put together here."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import otel
from app.core.clock import Clock
from app.core.settings import Settings
from app.infra.resources import Resources
from app.monitoring.checks import external, file_system, lms_function, mongodb, rate_limiter, redis, system
from app.monitoring.checks import telemetry as own_telemetry
from app.monitoring.checks.lms_function import Step
from app.monitoring.health_check import Check
from app.monitoring.health_checks import HealthChecks
from app.monitoring.health_lookback import INTERVALS


@asynccontextmanager
async def running_checks(
    settings: Settings,
    resources: Resources,
    clock: Clock,
    telemetry: otel.Telemetry | None,
    steps: Mapping[str, Step],
) -> AsyncIterator[HealthChecks]:
    """Runs all checks until the block exits; enters it when the critical ones have run once.

    ``steps`` are those of the check ``lms_function``. Without ``telemetry`` there is nothing to check of it.
    """
    instance = telemetry.instance if telemetry else f"{socket.gethostname()}-{os.getpid()}"
    async with AsyncExitStack() as stack:
        lag = stack.enter_context(system.LoopLag(INTERVALS * settings.health_seconds))
        services = await stack.enter_async_context(external.Services(settings, telemetry))
        health = HealthChecks(
            [
                mongodb.check(settings, resources, clock, instance),
                redis.check(settings, resources),
                rate_limiter.check(settings, resources.rate_limiter.state),
                lms_function.check(settings, steps),
                *_of_telemetry(settings, resources, telemetry),
                file_system.check(settings),
                system.check(settings, lag),
                *services.checks(),
            ],
            clock,
            agreeing=settings.health_agreeing,
            window=settings.health_window,
            instance=instance,
        )
        await stack.enter_async_context(health.running())
        yield health


def _of_telemetry(settings: Settings, resources: Resources, telemetry: otel.Telemetry | None) -> list[Check]:
    if telemetry is None:
        return []
    return [own_telemetry.check(settings, telemetry, resources.stores.prometheus)]
