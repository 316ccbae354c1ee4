"""The rate limiter: rules, their exact sliding windows in Redis, and what is enforced without Redis."""

from app.infra.rate_limits.conflicts import KnownRoute, RouteTable
from app.infra.rate_limits.decisions import (
    UNMATCHED,
    Asked,
    Backend,
    Decision,
    KeyState,
    LimiterState,
    PolicyState,
    Scope,
)
from app.infra.rate_limits.limiter import RateLimiter
from app.infra.rate_limits.rules_file import Rules, RulesInvalid, RulesSource, rules_source
from app.infra.rate_limits.running import limiting

__all__ = [
    "UNMATCHED",
    "Asked",
    "Backend",
    "Decision",
    "KeyState",
    "KnownRoute",
    "LimiterState",
    "PolicyState",
    "RateLimiter",
    "RouteTable",
    "Rules",
    "RulesInvalid",
    "RulesSource",
    "Scope",
    "limiting",
    "rules_source",
]
