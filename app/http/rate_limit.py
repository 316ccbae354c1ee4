"""Rate limits of all routes: decided once the router has matched, before the body is read.

FastAPI takes a class of routes for each router, and a router that somebody adds without it would have no
limits. So `handle` of the two classes of routes is wrapped instead, as in `otel.http.routing`: every route of
every router is limited, and none is matched twice. What no route answers is limited where the answer is made
(`app.http.handlers`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import wraps
from math import ceil
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.core.errors import QuotaExceeded
from app.http.auth import Authenticator
from app.http.client_address import client_address
from app.http.problems import problem
from app.infra.rate_limits import UNMATCHED, Asked, Decision, KnownRoute, PolicyState, RateLimiter

UNLIMITED: Final = frozenset({"/livez", "/readyz", "/startupz"})
"""Probes: an orchestrator that is refused would restart the platform."""

QUOTA_HEADERS: Final = ("RateLimit-Policy", "RateLimit", "Retry-After")

_QUOTA: Final = "lms.quota"
_MARK: Final = "_limited_by_lms"
_Handle = Callable[[Any, Scope, Receive, Send], Awaitable[None]]


class Quota:
    """What a request's limits say so far: its route, and the state of every policy that applies."""

    def __init__(self, route: str) -> None:
        self.route = route
        self.states: tuple[PolicyState, ...] = ()

    def take(self, decision: Decision) -> QuotaExceeded | None:
        """Adds a decision; returns the refusal if it is one."""
        self.states += decision.states
        if decision.allowed:
            return None
        return QuotaExceeded(seconds=max(1, ceil(decision.retry_after or 0)), violated=decision.violated)

    def headers(self) -> dict[str, str]:
        """Returns the header fields of draft-ietf-httpapi-ratelimit-headers-11; none if no policy applies.

        What all callers have left together is the platform's own business, unless it is used up. Names of
        policies consist of letters, digits and hyphens, so they need no escapes (RFC 9651, 3.3.3).
        """
        shown = [each for each in self.states if each.remaining == 0 or not each.is_shared]
        if not shown:
            return {}
        policies = (f'"{each.name}";q={each.limit};w={each.window_seconds}' for each in shown)
        left = (f'"{each.name}";r={each.remaining};t={ceil(each.reset_seconds)}' for each in shown)
        return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}


class RouteLimits:
    """Asks the rate limiter about requests; part of the application's state."""

    def __init__(self, limiter: RateLimiter, authenticator: Authenticator) -> None:
        self._limiter = limiter
        self._authenticator = authenticator

    async def matched(self, scope: Scope, quota: Quota, tags: tuple[str, ...]) -> QuotaExceeded | None:
        """Decides about a request that a route answers, for its address and the user of its token."""
        caller = self._authenticator.caller(scope)
        user, role = (None, None) if caller is None else (caller.id, caller.role.value)
        asked = Asked(quota.route, scope["method"], tags, client_address(scope), user, role)
        return quota.take(await self._limiter.decide(asked))

    async def unmatched(self, scope: Scope, quota: Quota) -> QuotaExceeded | None:
        """Decides about a request that no route answers, for its address alone."""
        asked = Asked(quota.route, scope["method"], (), client_address(scope), None, None)
        return quota.take(await self._limiter.decide(asked))

    async def account(self, scope: Scope, quota: Quota, name: str) -> QuotaExceeded | None:
        """Decides about a request in the name of the account ``name``, whether or not there is one."""
        return quota.take(await self._limiter.decide_account(quota.route, scope["method"], name))


def limits_of(scope: Scope) -> RouteLimits | None:
    """Returns the limits of the application that serves the request; None if it has none."""
    found: RouteLimits | None = getattr(scope["app"].state, "route_limits", None)
    return found


async def refuse_unmatched(request: Request) -> tuple[QuotaExceeded | None, dict[str, str]]:
    """Counts a request that no route answers; returns the refusal, if any, and the header fields to send."""
    limits, quota = limits_of(request.scope), Quota(UNMATCHED)
    refusal = None if limits is None else await limits.unmatched(request.scope, quota)
    return refusal, quota.headers()


def limit_routes() -> None:
    """Wraps `handle` of Starlette's and FastAPI's routes, once per process."""
    for kind in (Route, APIRoute):
        original: _Handle = kind.handle
        if not getattr(original, _MARK, False):
            setattr(kind, "handle", _limited(original))  # noqa: B010 - see the module's docstring


def known_route(route: Any) -> KnownRoute:  # noqa: ANN401 - any route, or the context of an included one
    """Returns what a rule may rely on about a route."""
    dependant = getattr(route, "dependant", None)
    reads = dependant is not None and any(each.call is AccountQuota for each in _flat(dependant))
    tags = tuple(map(str, getattr(route, "tags", None) or ()))
    template = route.path_format if hasattr(route, "path_format") else route.path
    return KnownRoute(template, frozenset(route.methods or ()), tags, reads, template not in UNLIMITED)


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _flat(each)


def _limited(original: _Handle) -> _Handle:
    @wraps(original)
    async def handle(route: Any, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ANN401 - any route
        limits = limits_of(scope)
        if limits is None or _QUOTA in scope:  # FastAPI's `handle` calls Starlette's
            return await original(route, scope, receive, send)
        template, methods, tags = _declared(scope, route)
        if template in UNLIMITED or (methods and scope["method"] not in methods):  # the latter is not found
            return await original(route, scope, receive, send)
        quota = scope[_QUOTA] = Quota(template)
        answer = _with_headers(send, quota)
        refusal = await limits.matched(scope, quota, tags)
        if refusal is not None:
            return await problem(refusal, instance=scope["path"])(scope, receive, answer)
        return await original(route, scope, receive, answer)

    setattr(handle, _MARK, True)
    return handle


def _declared(scope: Scope, route: Any) -> tuple[str, Iterable[str] | None, tuple[str, ...]]:  # noqa: ANN401 - as above
    """Returns the template, the methods and the tags of the matched route.

    Those of an included router's route, with its prefix and tags, are where FastAPI keeps them in the scope.
    """
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is None or context.original_route is not route:
        context = route
    tags = tuple(map(str, getattr(context, "tags", ())))
    return context.path_format, context.methods, tags


def _with_headers(send: Send, quota: Quota) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start" and quota.states:
            added = [(name.lower().encode(), value.encode()) for name, value in quota.headers().items()]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return answer


class AccountQuota:
    """The limits on an account name, for operations that read it from the body."""

    def __init__(self, request: Request) -> None:
        self._scope = request.scope

    async def spend(self, account: str) -> None:
        """Counts an attempt in the name of ``account``, whether or not there is such an account.

        Raises:
            QuotaExceeded: There were too many.
        """
        limits = limits_of(self._scope)
        refusal = None if limits is None else await limits.account(self._scope, self._scope[_QUOTA], account)
        if refusal is not None:
            raise refusal


AccountLimit = Annotated[AccountQuota, Depends(AccountQuota)]
