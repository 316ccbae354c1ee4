"""The limiter of a serving process: follows its rules file, and counts the instances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from opentelemetry.metrics import Observation

from app.core.settings import Settings
from app.core.telemetry import RATE_LIMIT_BREAKER, RATE_LIMIT_DECISIONS, RATE_LIMIT_RULES_VALID
from app.infra.periodic import repeating
from app.infra.rate_limits.limiter import RateLimiter
from app.infra.rate_limits.rules_file import Rules, RulesInvalid, RulesSource
from otel import get_logger

_TICK_SECONDS: Final = 2.0
_log = get_logger(service="rate_limits")


@asynccontextmanager
async def limiting(settings: Settings, source: RulesSource) -> AsyncIterator[RateLimiter]:
    """Opens the limiter, keeps it up to date, and closes it on exit.

    Raises:
        RulesInvalid: The rules file has a mistake.
    """
    limiter = RateLimiter(
        source.read(),
        url=settings.redis_url,
        seconds=settings.rate_limit_redis_seconds,
        secret=settings.jwt_secret.get_secret_value(),
        instances=max(settings.rate_limit_instances, settings.workers),
    )
    undo = (
        RATE_LIMIT_BREAKER.observe(lambda: _breaker(limiter)),
        RATE_LIMIT_RULES_VALID.observe(lambda: _rules(limiter)),
    )
    try:
        async with repeating(_TICK_SECONDS, Follower(limiter, source).follow, limiter.report):
            yield limiter
    finally:
        for each in undo:
            each()
        await limiter.close()


class Follower:
    """Puts the file's rules into force when they change; a mistake in them changes only the state."""

    def __init__(self, limiter: RateLimiter, source: RulesSource) -> None:
        self._limiter = limiter
        self._source = source
        self._text: bytes | None = None

    async def follow(self) -> None:
        """Reads the file again; parses it on another thread, and only if it has changed."""
        limiter = self._limiter
        last, self._text = self._text, None
        try:
            self._text = await asyncio.to_thread(self._source.text)
            if self._text == last:
                return
            rules = await asyncio.to_thread(self._source.parse, self._text)
        except RulesInvalid as error:
            if str(error) != limiter.rules_error:
                _log.error("rate_limit_rules_refused", reason=str(error), in_force=limiter.rules.version)
            limiter.rules_error = str(error)
            return
        if rules.version != limiter.rules.version:
            _end_series(limiter.rules, rules)
            limiter.use(rules)
            _log.info("rate_limit_rules_changed", version=rules.version, rules=len(rules.rules))
        elif limiter.rules_error is not None:
            _log.info("rate_limit_rules_restored", version=rules.version)
        limiter.rules_error = None


def _end_series(before: Rules, after: Rules) -> None:
    """Ends the series of rules that are gone; those of the last change stay, so that no decision is lost."""
    names = {each.name for each in (*before.rules, *after.rules)}
    RATE_LIMIT_DECISIONS.retain(lambda labels: labels.get("lms.rate_limit.rule") in names)


def _breaker(limiter: RateLimiter) -> Iterable[Observation]:
    now = limiter.state().breaker
    for state in ("closed", "open", "half_open"):
        yield Observation(int(state == now), {"lms.rate_limit.breaker.state": state})


def _rules(limiter: RateLimiter) -> Iterable[Observation]:
    state = limiter.state()
    yield Observation(int(state.rules_error is None), {"lms.rate_limit.rules.version": state.rules_version})
