"""The rate limiter: whether Redis counts for all processes, and whether the rules on disk are in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from app.core.settings import Settings
from app.infra.rate_limits import LimiterState
from app.monitoring.health_check import Check, Measurement, Status

ADVICE: Final = "Read this process's log: the rate limiter cannot say how it is."
_LOCAL: Final = "Mend Redis: until then each process counts alone, by its share of each limit."
_REFUSED: Final = "Correct the rules file where the error says; until then the earlier rules stay in force."


class LimiterProbe:
    """Reads the limiter's own state; asks nobody."""

    def __init__(self, state: Callable[[], LimiterState]) -> None:
        self._state = state

    async def __call__(self) -> Sequence[Measurement]:
        """Measures breaker, rules and by how many instances limits are divided without Redis."""
        state = self._state()
        return [
            _breaker(state),
            _rules(state),
            Measurement("instances", state.instances, "{instance}"),
        ]


def _breaker(state: LimiterState) -> Measurement:
    if state.breaker == "closed":
        return Measurement("breaker", state.breaker)
    output = f"Redis is not asked ({state.last_error}); limits are counted in this process."
    return Measurement("breaker", state.breaker, None, Status.WARN, output, _LOCAL)


def _rules(state: LimiterState) -> Measurement:
    if state.rules_error is None:
        return Measurement("rules", state.rules_version)
    output = f"The rules file is refused: {state.rules_error}"
    return Measurement("rules", state.rules_version, None, Status.WARN, output, _REFUSED)


def check(settings: Settings, state: Callable[[], LimiterState]) -> Check:
    """Returns the check of the rate limiter."""
    return Check(
        "rate_limiter",
        LimiterProbe(state),
        ADVICE,
        interval=settings.health_seconds,
        limit=settings.health_limit_seconds,
        immediate=True,
    )
