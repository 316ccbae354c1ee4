"""The platform's health in tests: as operators see it, and as it changes in the background."""

from __future__ import annotations

from typing import Any, Final

from app.monitoring.health_check import Status
from app.monitoring.health_checks import HealthChecks
from tests.app.people import Api
from tests.programs import wait

TOKEN: Final = {"Authorization": "Bearer metrics-token-of-the-tests"}


def checks_of(api: Api) -> HealthChecks:
    found: HealthChecks = api.app.state.health
    return found


async def health_of(api: Api) -> dict[str, Any]:
    """Returns what operators see."""
    answer = await api.client.get("/monitoring/health", headers=TOKEN)
    told: dict[str, Any] = answer.json()
    assert answer.status_code == (503 if told["status"] == "fail" else 200)
    return told


async def until(api: Api, status: Status, check: str | None = None) -> dict[str, Any]:
    """Returns the health once the platform, or one check, has this status."""
    checks = checks_of(api)

    def reached() -> bool:
        report = checks.report()
        component = (report.components or {}).get(check or "")
        return status is (component.status if component else None if check else report.status)

    await wait(reached, lambda: f"{check or 'the platform'} is {status}: {checks.report().model_dump_json()}")
    return await health_of(api)
