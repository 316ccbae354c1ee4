"""The rate limiter: decides on every request, by Redis for all instances together, without it by itself."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from app.core.telemetry import RATE_LIMIT_BACKEND_DURATION
from app.infra.rate_limits.applicable import (
    Applied,
    Identifier,
    Plan,
    applied,
    applies,
    identity_of,
    plan,
)
from app.infra.rate_limits.breaker import Breaker
from app.infra.rate_limits.deciding import (
    PASSED,
    Held,
    RuleVerdict,
    Verdict,
    decided,
    from_memory,
    from_redis,
    key_states,
    share_verdict,
)
from app.infra.rate_limits.decisions import Asked, Decision, KeyState, LimiterState, Scope
from app.infra.rate_limits.instances import CLEARED, Instances
from app.infra.rate_limits.local_windows import LocalWindows
from app.infra.rate_limits.redis_script import KEY_PREFIX, Connections, Script, packed
from app.infra.rate_limits.rules_file import Rules
from app.infra.redis import RedisUnavailable

_MOST_PLANS: Final = 2_000
_ANSWERED: Final = {"lms.rate_limit.outcome": "answered"}
_FAILED: Final = {"lms.rate_limit.outcome": "failed"}


class RateLimiter:
    """Admits a request if every rule that applies does; then, and only then, all of them count it.

    Args:
        rules: those in force.
        url: of Redis.
        seconds: that Redis may take to answer.
        secret: shared by all instances; with it identities are hashed.
        instances: how many there are at least, until more report in Redis.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        url: str,
        seconds: float,
        secret: str,
        instances: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._script, self._clear = Script("rate_limit.lua"), Script("clear.lua")
        self._identifier = Identifier(secret)
        self._connections = Connections(url, seconds=seconds)
        self._breaker = Breaker(clock)
        self._local = LocalWindows(clock)
        self._process, self._numbers = secrets.token_hex(4), count()
        self._instances = Instances(self._process, instances, clock)
        self.rules_error: str | None = None
        self._begun: bytes | None = None
        self._forgot_at = float("-inf")
        self.use(rules)

    def use(self, rules: Rules) -> None:
        """Puts ``rules`` into force; what was counted under a rule's name stays counted."""
        self.rules = rules
        self._applied = tuple(applied(rule) for rule in rules.rules)
        self._plans: dict[tuple[str, str, tuple[str, ...], str | None, bool], Plan] = {}

    async def decide(self, asked: Asked) -> Decision:
        """Decides on a request, in one round trip to Redis; without Redis, from this process's memory."""
        found = self._plan(asked)
        if not found.rules:
            return PASSED
        digests = self._identifier.digests(found.rules, asked)
        held = self._begin(found, digests)
        admitted = False
        try:
            decision = await self._decide(found, digests, held)
            admitted = decision.allowed
        finally:
            self._end(held, admitted=admitted)
        return decision

    async def decide_account(self, route: str, method: str, account: str) -> Decision:
        """Decides on an attempt to sign in with, or to register, the name ``account``; it need not exist."""
        return await self.decide(Asked(route, method, (), "", None, None, account))

    def digest(self, scope: Scope, key: str) -> str:
        """Returns what stands for ``key`` in Redis; it identifies nobody without the secret."""
        return self._identifier.digest(identity_of(scope, key))

    async def look(self, scope: Scope, key: str) -> list[KeyState]:
        """Returns what each rule of ``scope`` has counted for ``key``.

        ``key`` is the address, the user's id, ``METHOD /route`` or the account name; for ``global``, any.
        Rules for users count an address, too: that of visitors who are not signed in.
        """
        found = plan(_of(self._applied, scope), self._script)
        digest = self.digest(scope, key)
        try:
            verdicts = await self._ask(found, [digest] * len(found.rules), packed(""))
        except RedisUnavailable:
            held = [
                Held(policy, self._local.look(policy.name + digest, policy.seconds), 0, each.rule.shadow)
                for each in found.rules
                for policy in each.policies
            ]
            return key_states(from_memory(found, held, self._remembered), "local")
        return key_states(verdicts, "redis")

    async def clear(self, scope: Scope, key: str) -> int:
        """Forgets what was counted for ``key``, in Redis and here; returns how many rules had counted it.

        What other processes remember of it for an outage, they forget at their next `report`.

        Raises:
            RedisUnavailable: Redis does not answer; then only this process has forgotten.
        """
        rules = _of(self._applied, scope)
        if not rules:
            return 0
        digest = self.digest(scope, key)
        known = self._forget(rules, digest)
        keys = packed(CLEARED, *(f"{KEY_PREFIX}{each.rule.name}:{digest}" for each in rules), digest)
        answer = await self._connections.run(self._clear, self._clear.head(1 + len(rules), 1) + keys)
        if answer not in {b"%d" % number for number in range(len(rules) + 1)}:
            raise RedisUnavailable("InvalidResponse")
        return max(known, int(answer))

    async def report(self) -> None:
        """Reports this instance to Redis, and forgets the callers that another one has cleared.

        While the breaker is open, that is its probe when one is due.
        """
        if not self._breaker.allows():
            return
        began = self._clock()
        try:
            cleared = await self._instances.report(self._connections)
        except (RedisUnavailable, ValueError) as error:
            self._breaker.failed(began, _word(error))
            return
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        for digest in cleared:
            self._forget(self._applied, digest)

    def state(self) -> LimiterState:
        """Returns the limiter's own state."""
        return LimiterState(
            backend="redis" if self._breaker.state == "closed" else "local",
            breaker=self._breaker.state,
            instances=self._instances.count,
            rules=len(self.rules.rules),
            rules_version=self.rules.version,
            rules_error=self.rules_error,
            last_error=self._breaker.last_error,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._connections.close()

    async def _decide(self, found: Plan, digests: Sequence[str], held: Sequence[Held]) -> Decision:
        refusal = self._beyond_share(found, held)
        if refusal is not None:
            return refusal
        if not self._breaker.allows():
            return self._by_memory(found, held)
        began = self._clock()
        try:
            verdicts = await self._ask(found, digests, packed(f"{self._process}{next(self._numbers):x}"))
        except RedisUnavailable:
            return self._by_memory(found, held)
        # It was on its way when Redis lost its data. So are others, and each of them comes here.
        refusal = self._beyond_share(found, held, alone=True) if self._forgot_at >= began else None
        return refusal or decided(verdicts, "redis")

    async def _ask(self, found: Plan, digests: Sequence[str], member: str) -> tuple[RuleVerdict, ...]:
        """Asks Redis, and reports to the breaker and the histogram how that went."""
        pairs = zip(found.rules, digests, strict=True)
        keys = "".join([f"{each.key_head}{digest}\r\n" for each, digest in pairs])
        began = self._clock()
        try:
            answer = await self._connections.run(self._script, found.head + keys + member + found.tail)
            begun, verdicts = from_redis(found, answer)
        except (RedisUnavailable, ValueError) as error:
            RATE_LIMIT_BACKEND_DURATION.record(self._clock() - began, _FAILED)
            self._breaker.failed(began, _word(error))
            raise RedisUnavailable from error
        except BaseException:
            self._breaker.abandoned()
            raise
        RATE_LIMIT_BACKEND_DURATION.record(self._clock() - began, _ANSWERED)
        self._breaker.succeeded()
        self._note_lifetime(begun)
        return verdicts

    def _by_memory(self, found: Plan, held: Sequence[Held]) -> Decision:
        decision = decided(from_memory(found, held, self._without_redis), "local")
        if decision.allowed:
            now = self._clock()
            for each in held:
                each.hits.strayed_at = now
        return decision

    def _without_redis(self, applied: Applied, held: Held) -> Verdict:
        if applied.rule.when_redis_is_away == "refuse":
            return Verdict(held.policy, 0, self._breaker.pause, self._breaker.pause)
        return share_verdict(held, self._clock(), self._instances.count)

    def _remembered(self, _: Applied, held: Held) -> Verdict:
        return share_verdict(held, self._clock(), self._instances.count)

    def _beyond_share(self, found: Plan, held: Sequence[Held], *, alone: bool = False) -> Decision | None:
        """Returns a refusal if Redis lacks requests that this process admitted, and they use up its share.

        So it is for one window after Redis has lost its data, and for callers who were admitted without it.
        """
        now, instances = self._clock(), self._instances.count
        lacking = [each for each in held if self._is_unknown_to_redis(each, now) and not each.shadow]
        if not any(share_verdict(each, now, instances, alone=alone).wait for each in lacking):
            return None

        def judge(_: Applied, each: Held) -> Verdict:
            verdict = share_verdict(each, now, instances, alone=alone)
            return verdict if self._is_unknown_to_redis(each, now) else verdict._replace(wait=0.0)

        return decided(from_memory(found, held, judge), "local")

    def _is_unknown_to_redis(self, held: Held, now: float) -> bool:
        return now < max(held.hits.strayed_at, self._forgot_at) + held.policy.seconds

    def _note_lifetime(self, begun: bytes) -> None:
        """Notes that Redis has lost data if another lifetime of its data has begun since the last answer."""
        if begun != self._begun:
            self._forgot_at = self._forgot_at if self._begun is None else self._clock()
            self._begun = begun

    def _forget(self, rules: Sequence[Applied], digest: str) -> int:
        """Forgets what this process remembers of a caller; returns how many rules had counted it."""
        return sum(
            max([self._local.forget(policy.name + digest) for policy in each.policies]) for each in rules
        )

    def _plan(self, asked: Asked) -> Plan:
        kind = (asked.route, asked.method, asked.tags, asked.role, asked.account is not None)
        found = self._plans.get(kind)
        if found is None:
            if len(self._plans) >= _MOST_PLANS:  # methods of unmatched routes are the client's choice
                self._plans.clear()
            rules = [each for each in self._applied if applies(each.rule, asked)]
            found = self._plans[kind] = plan(rules, self._script)
        return found

    def _begin(self, found: Plan, digests: Sequence[str]) -> list[Held]:
        begin = self._local.begin
        return [
            Held(
                policy,
                begin(policy.name + digest, policy.seconds, each.rule.cost),
                each.rule.cost,
                each.rule.shadow,
            )
            for each, digest in zip(found.rules, digests, strict=True)
            for policy in each.policies
        ]

    def _end(self, held: Sequence[Held], *, admitted: bool) -> None:
        for policy, hits, cost, _ in held:
            self._local.end(hits, cost, policy.limit, admitted=admitted)


def _of(rules: Sequence[Applied], scope: Scope) -> list[Applied]:
    scopes = {scope, "user"} if scope == "ip" else {scope}
    return [each for each in rules if each.rule.scope in scopes]


def _word(error: Exception) -> str:
    return str(error) if isinstance(error, RedisUnavailable) else "InvalidResponse"
