"""The limiters behind one question: is this request of this caller admitted by all three rules?

They run in the peers' environment; each has the same rules: what one address, one user and everybody may do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from app.infra.rate_limits import Asked, KnownRoute, RateLimiter, RouteTable
from app.infra.rate_limits.rules_file import parse_rules

Decide = Callable[[str], Awaitable[bool]]
"""Decides on a request of a caller, who is one address and one user."""

WINDOW: Final = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """How many requests each rule admits within ``window`` seconds."""

    address: int = 3_000
    user: int = 2_000
    everybody: int = 100_000
    window: int = WINDOW


@dataclass(frozen=True, slots=True)
class Contestant:
    """A limiter: ``decide`` asks it, ``close`` ends its connections."""

    decide: Decide
    close: Callable[[], Awaitable[None]]


def ours(url: str, given: Limits) -> Contestant:
    """Returns the platform's limiter; it also returns what is left, in the same round trip."""
    window = f"{given.window}s"
    rules = "rules:\n" + "".join(
        f"  - {{name: {name}, scope: {scope}, limits: [{{limit: {limit}, window: {window}}}]}}\n"
        for name, scope, limit in (
            ("address", "ip", given.address),
            ("user", "user", given.user),
            ("everybody", "global", given.everybody),
        )
        if limit
    )
    table = RouteTable((KnownRoute("/", frozenset({"GET"})),))
    limiter = RateLimiter(parse_rules(rules.encode(), "rules", table), url=url, seconds=10, secret=url)

    async def decide(caller: str) -> bool:
        asked = Asked("/", "GET", (), caller, caller, "student")
        return (await limiter.decide(asked)).allowed

    return Contestant(decide, limiter.close)


def limits(url: str, given: Limits, *, headers: bool = True) -> Contestant:
    """Returns ``limits``' moving window over asynchronous Redis: hit each rule, stop at the first refusal.

    With ``headers`` the state of every rule is asked for afterwards, which ours has answered already.
    """
    aio: Any = import_module("limits.aio")
    storage = aio.storage.RedisStorage(f"async+{url}", implementation="redispy")
    strategy = aio.strategies.MovingWindowRateLimiter(storage)
    items = _items(given)

    async def decide(caller: str) -> bool:
        keys = (f"address:{caller}", f"user:{caller}", "everybody")
        admitted = True
        for item, key in zip(items, keys, strict=True):
            admitted = admitted and await strategy.hit(item, key)
        if headers:
            for item, key in zip(items, keys, strict=True):
                await strategy.get_window_stats(item, key)
        return admitted

    return Contestant(decide, _nothing)


def limits_bare(url: str, given: Limits) -> Contestant:
    """Returns ``limits`` without asking for the state: no headers."""
    return limits(url, given, headers=False)


def slowapi(url: str, given: Limits) -> Contestant:
    """Returns slowapi's limiter, called as its decorator does: synchronously, each limit in turn."""
    library: Any = import_module("slowapi")
    limiter = library.Limiter(key_func=lambda: "", storage_uri=url, strategy="moving-window")
    strategy, items = limiter.limiter, _items(given)

    async def decide(caller: str) -> bool:
        for item, key in zip(items, (f"address:{caller}", f"user:{caller}", "everybody"), strict=True):
            if not strategy.hit(item, key, "/"):
                return False
        strategy.get_window_stats(items[0], f"address:{caller}", "/")  # for the headers, of one limit only
        return True

    return Contestant(decide, _nothing)


def _items(given: Limits) -> list[Any]:
    kind: Any = import_module("limits").RateLimitItemPerSecond
    return [kind(each, given.window) for each in (given.address, given.user, given.everybody)]


async def _nothing() -> None:
    """Closes nothing: the peers have no call for it."""


CONTESTANTS: Final[dict[str, Callable[[str, Limits], Contestant]]] = {
    "ours": ours,
    "limits": limits,
    "limits-no-headers": limits_bare,
    "slowapi": slowapi,
}
