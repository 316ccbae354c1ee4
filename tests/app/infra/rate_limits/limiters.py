"""Limiters for tests: rules as YAML in, a limiter on a real Redis out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import yaml

from app.infra.rate_limits import Asked, KnownRoute, RateLimiter, RouteTable, Rules
from app.infra.rate_limits.rules_file import parse_rules

TABLE: Final = RouteTable(
    (
        KnownRoute("/login", frozenset({"POST"}), ("users",), reads_account=True),
        KnownRoute("/things", frozenset({"GET"}), ("things",)),
        KnownRoute("/things", frozenset({"POST"}), ("things",)),
        KnownRoute("/things/{id}", frozenset({"GET"}), ("things",)),
        KnownRoute("/livez", frozenset({"GET"}), ("probes",), is_limited=False),
    )
)
SECRET: Final = "a secret of the tests"


def rule(name: str = "one", scope: str = "ip", *limits: tuple[int, str], **more: object) -> dict[str, Any]:
    """Returns a rule as the file has it; at most 3 in a minute unless `limits` says otherwise."""
    windows = [{"limit": limit, "window": window} for limit, window in limits or ((3, "1m"),)]
    return {"name": name, "scope": scope, "limits": windows, **more}


def rules_of(*rules: dict[str, Any]) -> Rules:
    """Returns valid rules."""
    return parse_rules(yaml.safe_dump({"rules": list(rules)}).encode(), "rules.yml", TABLE)


def asked(address: str = "192.0.2.1", **more: Any) -> Asked:  # noqa: ANN401 - fields of a request
    """Returns a request for /things."""
    values = {"route": "/things", "method": "GET", "tags": ("things",), "user": None, "role": None, **more}
    return Asked(address=address, **values)


@asynccontextmanager
async def limiting(
    url: str,
    *rules: dict[str, Any],
    seconds: float = 10,
    instances: int = 1,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[RateLimiter]:
    """Opens a limiter; Redis gets ten seconds, because a busy test machine is not an outage."""
    limiter = RateLimiter(
        rules_of(*rules), url=url, seconds=seconds, secret=SECRET, instances=instances, clock=clock
    )
    try:
        yield limiter
    finally:
        await limiter.close()
