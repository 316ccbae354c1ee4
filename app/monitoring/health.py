"""Whether the platform can serve: probes all dependencies at once, each within a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from app.infra.resources import Resources

CHECK_SECONDS: Final = 1.0


class Status(StrEnum):
    """The status (draft-inadarei-api-health-check): ``warn`` means degraded but serving."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


class CheckResult(BaseModel):
    """The health of one dependency of the platform."""

    status: Status
    critical: bool = Field(description="Whether the platform cannot serve without it.")
    observed_value: float = Field(description="How long the answer took.", examples=[1.2])
    observed_unit: str = "ms"
    output: str | None = Field(default=None, description="Type of the error.", examples=[None])


class Health(BaseModel):
    """The platform's health; only operators see the checks."""

    status: Status
    checks: dict[str, CheckResult] | None = Field(
        default=None, description="By dependency; for admins and the metrics token."
    )

    def without_details(self) -> Health:
        """Returns the status alone."""
        return Health(status=self.status)


@dataclass(frozen=True, slots=True)
class Check:
    """The check of one dependency; ``probe`` returns if it answers and raises if not."""

    name: str
    critical: bool
    probe: Callable[[], Awaitable[None]]

    async def run(self) -> CheckResult:
        """Probes once, for a second at most."""
        started = time.perf_counter()
        output: str | None = None
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.probe()
        except Exception as error:  # noqa: BLE001 - whatever a probe raises is its result
            output = type(error).__name__
        passed = Status.PASS if output is None else Status.FAIL if self.critical else Status.WARN
        elapsed = round((time.perf_counter() - started) * 1000, 1)
        return CheckResult(status=passed, critical=self.critical, observed_value=elapsed, output=output)


class HealthChecks:
    """The platform's checks: it fails without the database, and is degraded without Redis."""

    def __init__(self, resources: Resources) -> None:
        self._checks = (
            Check("mongodb", critical=True, probe=resources.database.ping),
            Check("redis", critical=False, probe=resources.redis.ping),
        )

    async def run(self) -> Health:
        """Runs all checks at once; the worst result is the platform's."""
        results = await asyncio.gather(*(check.run() for check in self._checks))
        checks = {check.name: result for check, result in zip(self._checks, results, strict=True)}
        found = {result.status for result in results}
        worst = next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.PASS)
        return Health(status=worst, checks=checks)
