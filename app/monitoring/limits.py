"""The rate limits in force, what they have counted for one caller, and forgetting it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Depends, Path, Request
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field

from app.core.addresses import UNKNOWN, counted_as
from app.core.errors import FieldError, Invalid, Unavailable
from app.http.audit import Audit
from app.infra.rate_limits import UNMATCHED, KeyState, RateLimiter, Scope
from app.infra.redis import RedisUnavailable
from app.monitoring.limiter_state import LimiterOut
from app.monitoring.operators import OPERATORS, admins_or

EVERYBODY: Final = "everybody"
_OF_KEY: Final = "/{scope}/{key:path}"
_USER: Final = re.compile(r"usr_[0-9a-f]{20}")
_ACCOUNT: Final = re.compile(r"[^@\s]+@[^@\s]+")
_REMEDIES: Final[dict[Scope, str]] = {
    "ip": "Write an address, such as 192.0.2.7 or 2001:db8::1, or unknown",
    "user": "Write a user's id, such as usr_3f9ad2c4b1e05d6f7a88",
    "endpoint": f"Write a method and a route that exists, such as GET /api/v1/courses, or {UNMATCHED}",
    "global": f"Write {EVERYBODY}",
    "account": "Write the email address of an account, which need not exist",
}


class LimitsUnavailable(Unavailable):
    """Redis, which counts for all processes, does not answer."""

    code = "limits_unavailable"
    title = "Limits cannot be cleared"
    sentence = "Redis does not answer, so only the process that answered has forgotten the key; try again."


class WindowOut(BaseModel):
    """One limit of a rule."""

    model_config = ConfigDict(from_attributes=True)

    limit: int = Field(examples=[20])
    window: int = Field(description="Seconds.", examples=[60])


class RuleOut(BaseModel):
    """A rule in force."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["login-account"])
    scope: Scope
    target: str = Field(description="Which requests it counts.", examples=["POST /api/v1/auth/login"])
    limits: list[WindowOut]
    cost: int = Field(description="How many requests one request counts as.", examples=[1])
    exempt_roles: list[str] = Field(examples=[["admin"]])
    exempt_tags: list[str] = Field(examples=[["health"]])
    shadow: bool = Field(description="Whether it only measures.")
    when_redis_is_away: Literal["local", "refuse"]


class LimitsOut(BaseModel):
    """The limiter and its rules."""

    limiter: LimiterOut
    rules: list[RuleOut]


class PolicyOut(BaseModel):
    """What is left of one limit."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["login-account-1m"])
    limit: int = Field(examples=[20])
    window_seconds: int = Field(examples=[60])
    remaining: int = Field(examples=[17])
    reset_seconds: float = Field(description="Until the oldest counted request leaves.", examples=[42.5])


class CountedOut(BaseModel):
    """What one rule has counted for a caller."""

    model_config = ConfigDict(from_attributes=True)

    rule: str = Field(examples=["login-account"])
    shadow: bool
    backend: Literal["redis", "local"] = Field(description="local: only what this process has counted.")
    states: list[PolicyOut]


class KeyOut(BaseModel):
    """What every rule of a scope has counted for one caller."""

    scope: Scope
    key: str = Field(description="As it is counted: of IPv6 the /64.", examples=["192.0.2.7"])
    rules: list[CountedOut]

    @classmethod
    def of(cls, wanted: Key, found: list[KeyState]) -> Self:
        """Returns what was ``found`` as it is shown."""
        rules = [CountedOut.model_validate(each) for each in found]
        return cls(scope=wanted.scope, key=wanted.text, rules=rules)


class ClearedOut(BaseModel):
    """What was forgotten."""

    rules: int = Field(description="How many rules had counted something.", examples=[1])


@dataclass(frozen=True, slots=True)
class Key:
    """A caller in a scope, as it is counted."""

    scope: Scope
    text: str

    def named(self, limiter: RateLimiter) -> str:
        """Returns the key for the audit log, which has no account names: a digest takes their place."""
        return (
            f"{self.scope}/{limiter.digest('account', self.text) if self.scope == 'account' else self.text}"
        )


def _key(
    request: Request,
    scope: Annotated[Scope, Path(examples=["ip"])],
    key: Annotated[
        str,
        Path(
            min_length=1,
            max_length=300,
            description="ip: an address; user: an id; endpoint: `GET /api/v1/courses`; global: everybody; "
            "account: an email address.",
            examples=["192.0.2.7"],
        ),
    ],
) -> Key:
    text = _counted(request, scope, key.strip())
    if text is None:
        raise Invalid(count=1, errors=(FieldError("path.key", _REMEDIES[scope], f"not_{scope}_key"),))
    return Key(scope, text)


def _counted(request: Request, scope: Scope, text: str) -> str | None:
    """Returns the key as it is counted; None if the scope has no such keys."""
    match scope:
        case "ip":
            address = counted_as(text)
            return address if address != UNKNOWN or text == UNKNOWN else None
        case "user":
            return text if _USER.fullmatch(text) else None
        case "endpoint":
            return text if text == UNMATCHED or text in _endpoints(request) else None
        case "global":
            return text if text == EVERYBODY else None
        case "account":
            return text.lower() if _ACCOUNT.fullmatch(text) else None


def _endpoints(request: Request) -> set[str]:
    found = iter_route_contexts(request.app.routes)
    return {f"{method} {route.path_format}" for route in found for method in route.methods or ()}


def limiter_of(request: Request) -> RateLimiter:
    """Returns the application's rate limiter."""
    found: RateLimiter = request.app.state.resources.rate_limiter
    return found


Limiter = Annotated[RateLimiter, Depends(limiter_of)]
WantedKey = Annotated[Key, Depends(_key)]

router = APIRouter(prefix="/limits")


@router.get("", **OPERATORS)
async def rules(limiter: Limiter) -> LimitsOut:
    """Returns the rules in force, the state of their file, and whether Redis is asked."""
    listed = [RuleOut.model_validate(rule) for rule in limiter.rules.rules]
    return LimitsOut(limiter=LimiterOut.of(limiter.state()), rules=listed)


@router.get(_OF_KEY, **admins_or())
async def look(wanted: WantedKey, limiter: Limiter, audit: Audit) -> KeyOut:
    """Returns what the rules of a scope have counted for one caller."""
    found = await limiter.look(wanted.scope, wanted.text)
    await audit.record("limit_looked_up", wanted.named(limiter))
    return KeyOut.of(wanted, found)


@router.delete(_OF_KEY, **admins_or(LimitsUnavailable))
async def clear(wanted: WantedKey, limiter: Limiter, audit: Audit) -> ClearedOut:
    """Forgets what the rules of a scope have counted for one caller, who may then start afresh."""
    async with audit.attempt("limit_cleared", wanted.named(limiter)):
        try:
            return ClearedOut(rules=await limiter.clear(wanted.scope, wanted.text))
        except RedisUnavailable as error:
            raise LimitsUnavailable from error
