"""The platform's health checks: one file each, put together here."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import otel
from app.core.clock import Clock
from app.core.settings import Settings
from app.infra.resources import Resources
from app.monitoring.checks import mongodb, redis, system
from app.monitoring.health_checks import HealthChecks


@asynccontextmanager
async def running_checks(
    settings: Settings, resources: Resources, clock: Clock, telemetry: otel.Telemetry | None
) -> AsyncIterator[HealthChecks]:
    """Runs all checks until the block exits; enters it when the critical ones have run once."""
    instance = telemetry.instance if telemetry else f"{socket.gethostname()}-{os.getpid()}"
    async with AsyncExitStack() as stack:
        lag = stack.enter_context(system.LoopLag())
        checks = [
            mongodb.check(settings, resources, clock, instance),
            redis.check(settings, resources),
            system.check(settings, lag),
        ]
        health = HealthChecks(
            checks,
            clock,
            agreeing=settings.health_agreeing,
            window=settings.health_window,
            instance=instance,
        )
        await stack.enter_async_context(health.running())
        yield health
