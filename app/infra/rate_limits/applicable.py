"""Which rules apply to a kind of request, worked out once: a `Plan` for each route, method, tags and role."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from app.core.telemetry import RATE_LIMIT_DECISIONS
from app.infra.rate_limits.decisions import UNMATCHED, Asked, Scope
from app.infra.rate_limits.redis_script import BEGUN, KEY_PREFIX, Script, packed
from app.infra.rate_limits.rules import Rule

DIGEST_LENGTH: Final = 24
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"))


class Policy(NamedTuple):
    """One window of a rule; ``name`` is unique among all rules' windows."""

    name: str
    limit: int
    seconds: int


class Series(NamedTuple):
    """The bound series of a rule's decisions, one for each backend."""

    redis: Callable[[int], None]
    local: Callable[[int], None]


class Applied(NamedTuple):
    """A rule, with what is known of it before a request comes.

    Args:
        rule: as in the file.
        policies: its windows, the longest last.
        identity: returns whom a request counts for.
        key_head: its key up to the identity's digest, packed for Redis.
        arguments: what the script is given about it.
        allowed: counts its decisions to admit.
        refused: counts its decisions to refuse.
    """

    rule: Rule
    policies: tuple[Policy, ...]
    identity: Callable[[Asked], str]
    key_head: str
    arguments: tuple[str, ...]
    allowed: Series
    refused: Series


class Plan(NamedTuple):
    """The rules that apply to one kind of request.

    The script's command: ``head``, each rule's ``key_head`` and digest, the request's argument, ``tail``.
    """

    rules: tuple[Applied, ...]
    head: str
    tail: str


class Identifier:
    """Hashes identities with a key that all instances share, so that Redis holds no address and no name."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.blake2b(secret.encode(), person=b"lms rate limits").digest()

    def digest(self, identity: str) -> str:
        """Returns 24 hexadecimal digits; only the holder of the secret can relate them to the identity."""
        raw = identity.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(raw, key=self._key, digest_size=DIGEST_LENGTH // 2).hexdigest()

    def digests(self, rules: Iterable[Applied], asked: Asked) -> list[str]:
        """Returns for each rule the digest of whom the request counts for."""
        known: dict[str, str] = {}
        found = []
        for each in rules:
            identity = each.identity(asked)
            if identity not in known:
                known[identity] = self.digest(identity)
            found.append(known[identity])
        return found


def applied(rule: Rule) -> Applied:
    """Returns ``rule`` with everything that does not depend on a request."""
    limits = sorted(rule.limits, key=lambda each: each.window)
    single = len(limits) == 1
    policies = tuple(
        Policy(rule.name if single else f"{rule.name}-{window_text(each.window)}", each.limit, each.window)
        for each in limits
    )
    spans = (number for each in limits for number in (each.window * 1_000_000, each.limit))
    numbers = (rule.cost, int(rule.shadow), len(limits), *spans)
    key_head = f"{KEY_PREFIX}{rule.name}:"
    refusal = "shadow_refused" if rule.shadow else "refused"
    return Applied(
        rule,
        policies,
        IDENTITIES[rule.scope],
        f"${len(key_head) + DIGEST_LENGTH}\r\n{key_head}",
        tuple(map(str, numbers)),
        _series(rule.name, "allowed"),
        _series(rule.name, refusal),
    )


def plan(rules: Iterable[Applied], script: Script) -> Plan:
    """Returns the plan that consists of ``rules``, decided by ``script``."""
    chosen = tuple(rules)
    arguments = [number for each in chosen for number in each.arguments]
    head = script.head(1 + len(chosen), 1 + len(arguments)) + packed(BEGUN)
    return Plan(chosen, head, packed(*arguments))


def applies(rule: Rule, asked: Asked) -> bool:
    """Returns whether a rule counts a request; one for accounts counts only what names an account."""
    if (rule.scope == "account") != (asked.account is not None):
        return False
    if rule.method not in {None, asked.method} or rule.route not in {None, asked.route}:
        return False
    if rule.tag is not None and rule.tag not in asked.tags:
        return False
    return asked.role not in rule.exempt_roles and not set(rule.exempt_tags).intersection(asked.tags)


def window_text(seconds: int) -> str:
    """Returns a window as the rules file writes it, such as ``15m``."""
    for size, unit in _UNITS:
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def identity_of(scope: Scope, key: str) -> str:
    """Returns the identity that requests of ``key`` have in ``scope``."""
    if scope == "global":
        return "everybody"
    if scope == "account":
        return f"account:{key.strip().casefold()}"
    return f"{scope}:{key}"


def _user_or_address(asked: Asked) -> str:
    return f"ip:{asked.address}" if asked.user is None else f"user:{asked.user}"


def _endpoint(asked: Asked) -> str:
    # Unmatched methods are the client's free choice: they count together.
    return f"endpoint:{UNMATCHED if asked.route == UNMATCHED else f'{asked.method} {asked.route}'}"


IDENTITIES: Final[dict[Scope, Callable[[Asked], str]]] = {
    "ip": lambda asked: f"ip:{asked.address}",
    "user": _user_or_address,
    "endpoint": _endpoint,
    "global": lambda _: "everybody",
    "account": lambda asked: identity_of("account", asked.account or ""),
}


def _series(rule: str, outcome: str) -> Series:
    name = {"lms.rate_limit.rule": rule, "lms.rate_limit.outcome": outcome}
    return Series(
        *(
            RATE_LIMIT_DECISIONS.with_attributes({**name, "lms.rate_limit.backend": backend}).add
            for backend in Series._fields
        )
    )
