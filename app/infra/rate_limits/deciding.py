"""One decision: from what Redis answered, or from what this process remembers, to a `Decision`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from app.infra.rate_limits.applicable import Applied, Plan, Policy
from app.infra.rate_limits.decisions import Backend, Decision, KeyState, PolicyState
from app.infra.rate_limits.local_windows import Hits

_MICROSECONDS: Final = 1_000_000
_SHARED: Final = frozenset({"global", "endpoint"})
_JITTER_SHARE: Final = 0.1
_JITTER_SECONDS: Final = 1.0

PASSED: Final = Decision(True, (), (), None, "redis")  # noqa: FBT003 - a tuple's first field
"""The decision about a request that no rule applies to."""


class Verdict(NamedTuple):
    """What one policy says: what is left, and the seconds until the request would fit (0: it fits)."""

    policy: Policy
    remaining: int
    reset: float
    wait: float


class RuleVerdict(NamedTuple):
    """What all policies of one rule say."""

    applied: Applied
    policies: tuple[Verdict, ...]


class Answer(NamedTuple):
    """What Redis says; ``begun`` names the lifetime of its data, see `begun.lua`."""

    begun: bytes
    rules: tuple[RuleVerdict, ...]


class Held(NamedTuple):
    """What this process remembers of one policy for the caller."""

    policy: Policy
    hits: Hits
    cost: int
    shadow: bool


def from_redis(plan: Plan, answer: bytes) -> Answer:
    """Returns what the script answered.

    Raises:
        ValueError: The answer is not the script's.
    """
    admitted, begun, *texts = answer.split()
    numbers = list(map(int, texts))
    if len(numbers) != 3 * sum([len(each.policies) for each in plan.rules]):
        raise ValueError("another number of windows")
    place, found, refused = 0, [], False
    for applied in plan.rules:
        verdicts = []
        for policy in applied.policies:
            remaining, reset, wait = numbers[place : place + 3]
            longest = policy.seconds * _MICROSECONDS
            if not (0 <= remaining <= policy.limit and 0 <= reset <= longest and 0 <= wait <= longest):
                raise ValueError("impossible numbers")
            refused = refused or (wait > 0 and not applied.rule.shadow)
            verdicts.append(Verdict(policy, remaining, reset / _MICROSECONDS, wait / _MICROSECONDS))
            place += 3
        found.append(RuleVerdict(applied, tuple(verdicts)))
    if admitted != (b"0" if refused else b"1"):
        raise ValueError("contradicts itself")
    return Answer(begun, tuple(found))


def from_memory(
    plan: Plan, held: Sequence[Held], judge: Callable[[Applied, Held], Verdict]
) -> tuple[RuleVerdict, ...]:
    """Returns what ``judge`` says of what this process remembers, by rule.

    If one of them refuses the request, the others have not lost what it costs.
    """
    rules = [applied for applied in plan.rules for _ in applied.policies]
    found = [judge(applied, each) for applied, each in zip(rules, held, strict=True)]
    if any(verdict.wait and not each.shadow for verdict, each in zip(found, held, strict=True)):
        found = [
            verdict if verdict.wait else verdict._replace(remaining=verdict.remaining + each.cost)
            for verdict, each in zip(found, held, strict=True)
        ]
    verdicts = iter(found)
    return tuple(
        RuleVerdict(applied, tuple([next(verdicts) for _ in applied.policies])) for applied in plan.rules
    )


def share_verdict(held: Held, now: float, instances: int, *, alone: bool = False) -> Verdict:
    """Returns what this instance's share of one policy's limit says, which is at least one request.

    The request itself is among the pending ones; ``alone``: it is the only one of them that counts.
    """
    policy, hits, cost, _ = held
    pending = cost if alone else hits.pending
    share = max(cost, policy.limit // instances)
    times = hits.times
    lacks = len(times) + pending - share
    reset = times[0] + policy.seconds - now if times else float(policy.seconds if cost else 0)
    if lacks <= 0:
        return Verdict(policy, -lacks, reset, 0.0)
    # Pending requests may yet be counted: then the oldest known time is the best guess.
    oldest = times[min(lacks, len(times)) - 1] + policy.seconds - now if times else 1.0
    return Verdict(policy, max(0, share - len(times) - pending + cost), reset, max(oldest, 0.001))


def decided(verdicts: Sequence[RuleVerdict], backend: Backend) -> Decision:
    """Returns the decision that the verdicts add up to, and counts it."""
    states: list[PolicyState] = []
    violated: list[str] = []
    wait = 0.0
    for applied, policies in verdicts:
        fits, shared = True, applied.rule.scope in _SHARED
        for policy, remaining, reset, lasts in policies:
            fits = fits and not lasts
            if applied.rule.shadow:
                continue
            states.append(PolicyState(policy.name, policy.limit, policy.seconds, remaining, reset, shared))
            if lasts:
                violated.append(policy.name)
                wait = max(wait, lasts)
        series = applied.allowed if fits else applied.refused
        (series.redis if backend == "redis" else series.local)(1)
    if not violated:
        return Decision(True, tuple(states), (), None, backend)  # noqa: FBT003 - a tuple's first field
    # The clients that were refused together must not all return at the same moment.
    jitter = random.random() * max(_JITTER_SECONDS, _JITTER_SHARE * wait)  # noqa: S311 - not a secret
    return Decision(False, tuple(states), tuple(violated), wait + jitter, backend)  # noqa: FBT003 - as above


def key_states(verdicts: Sequence[RuleVerdict], backend: Backend) -> list[KeyState]:
    """Returns the verdicts on no request at all as the state of a key."""
    return [
        KeyState(
            applied.rule.name,
            applied.rule.shadow,
            tuple(
                PolicyState(each.name, each.limit, each.seconds, left, reset)
                for each, left, reset, _ in policies
            ),
            backend,
        )
        for applied, policies in verdicts
    ]
