"""What the limiter is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

UNMATCHED: Final = "<unmatched>"
"""The route of a request whose path or method the application does not have."""

Backend = Literal["redis", "local"]
Scope = Literal["ip", "user", "endpoint", "global", "account"]


class Asked(NamedTuple):
    """A request, as the limiter sees it.

    Args:
        route: its template, or `UNMATCHED`.
        method: in capitals.
        tags: of the route.
        address: of the client, normalised: IPv6 as its /64, IPv4-mapped IPv6 as IPv4.
        user: id of the signed-in user, if any.
        role: of that user.
        account: the account name of a login or registration; only rules of scope ``account`` use it.
    """

    route: str
    method: str
    tags: tuple[str, ...]
    address: str
    user: str | None
    role: str | None
    account: str | None = None


class PolicyState(NamedTuple):
    """What is left of one window of one rule, after the decision.

    ``reset_seconds``: until the oldest counted request leaves the window; 0 if none is counted.
    ``is_shared``: whether all callers are counted together.
    """

    name: str
    limit: int
    window_seconds: int
    remaining: int
    reset_seconds: float
    is_shared: bool = False


class Decision(NamedTuple):
    """Whether a request may proceed, and why.

    Args:
        allowed: whether it may.
        states: of every enforced policy that applies; empty where none does, or where its state is unknown.
        violated: names of the enforced policies that refuse it.
        retry_after: seconds until a repetition can succeed, with jitter: never less than the true wait. None
            if it is allowed.
        backend: who decided: Redis, for all instances together, or this process alone.
    """

    allowed: bool
    states: tuple[PolicyState, ...]
    violated: tuple[str, ...]
    retry_after: float | None
    backend: Backend


class KeyState(NamedTuple):
    """What one rule has counted for one caller."""

    rule: str
    shadow: bool
    states: tuple[PolicyState, ...]
    backend: Backend


@dataclass(frozen=True, slots=True)
class LimiterState:
    """The limiter's own state.

    Args:
        backend: who decides at present.
        breaker: ``closed`` while Redis is asked, ``open`` while it is not, ``half_open`` during a probe.
        instances: by how many each limit is divided without Redis.
        rules: how many rules are in force.
        rules_version: the first digits of their file's hash.
        rules_error: why the file on disk is not in force; None if it is.
        last_error: type of Redis's last failure; None if there was none.
    """

    backend: Backend
    breaker: Literal["closed", "open", "half_open"]
    instances: int
    rules: int
    rules_version: str
    rules_error: str | None
    last_error: str | None
