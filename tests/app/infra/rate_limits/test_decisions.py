"""What is counted for whom, and what a decision says, on a real Redis."""

from __future__ import annotations

import re
from typing import Any

import pytest
import redis

from app.infra.rate_limits import UNMATCHED
from app.infra.rate_limits.redis_script import BEGUN
from tests.app.infra.rate_limits.limiters import asked, limiting, rule


async def test_a_request_over_the_limit_is_refused_with_its_wait(empty_redis_url: str) -> None:
    async with limiting(empty_redis_url, rule("one", "ip", (2, "1m"))) as limiter:
        first, second, third = [await limiter.decide(asked()) for _ in range(3)]
    assert [each.allowed for each in (first, second, third)] == [True, True, False]
    assert [each.states[0].remaining for each in (first, second, third)] == [1, 0, 0]
    assert (first.violated, first.retry_after, first.backend) == ((), None, "redis")
    (state,) = third.states
    assert (state.name, state.limit, state.window_seconds) == ("one", 2, 60)
    assert 0 < state.reset_seconds <= 60
    assert third.violated == ("one",)
    assert third.retry_after is not None
    assert state.reset_seconds <= third.retry_after <= state.reset_seconds + 6


async def test_a_refused_request_costs_the_other_rules_nothing(empty_redis_url: str) -> None:
    rules = rule("narrow", "user", (1, "1m")), rule("wide", "ip", (10, "1m"))
    async with limiting(empty_redis_url, *rules) as limiter:
        decisions = [await limiter.decide(asked(user="usr_1")) for _ in range(5)]
    assert [each.allowed for each in decisions] == [True, False, False, False, False]
    assert decisions[-1].violated == ("narrow",)
    assert [each.remaining for each in decisions[-1].states] == [0, 9]


async def test_all_windows_of_a_rule_apply(empty_redis_url: str) -> None:
    async with limiting(empty_redis_url, rule("one", "ip", (100, "1h"), (2, "1m"))) as limiter:
        decisions = [await limiter.decide(asked()) for _ in range(3)]
    assert [each.allowed for each in decisions] == [True, True, False]
    assert [(each.name, each.remaining) for each in decisions[-1].states] == [("one-1m", 0), ("one-1h", 98)]
    assert decisions[-1].violated == ("one-1m",)


async def test_a_rule_that_only_measures_refuses_nothing(empty_redis_url: str) -> None:
    rules = rule("measured", "ip", (1, "1m"), shadow=True), rule("enforced", "ip", (3, "1m"))
    async with limiting(empty_redis_url, *rules) as limiter:
        decisions = [await limiter.decide(asked()) for _ in range(4)]
    assert [each.allowed for each in decisions] == [True, True, True, False]
    assert {state.name for each in decisions for state in each.states} == {"enforced"}


async def test_a_cost_counts_as_many_requests(empty_redis_url: str) -> None:
    async with limiting(empty_redis_url, rule("one", "ip", (7, "1m"), cost=3)) as limiter:
        decisions = [await limiter.decide(asked()) for _ in range(3)]
    assert [(each.allowed, each.states[0].remaining) for each in decisions] == [
        (True, 4),
        (True, 1),
        (False, 1),
    ]


@pytest.mark.parametrize(
    ("more", "first", "other"),
    [
        pytest.param({"scope": "ip"}, {}, {"address": "192.0.2.2"}, id="address"),
        pytest.param({"scope": "user"}, {"user": "usr_1"}, {"user": "usr_2"}, id="user"),
        pytest.param({"scope": "user"}, {"user": None}, {"user": "usr_2"}, id="visitor"),
        pytest.param({"scope": "endpoint"}, {}, {"route": "/things/{id}"}, id="endpoint"),
        pytest.param({"scope": "endpoint"}, {}, {"method": "POST"}, id="method"),
    ],
)
async def test_callers_do_not_use_up_each_others_limits(
    more: dict[str, Any], first: dict[str, Any], other: dict[str, Any], empty_redis_url: str
) -> None:
    async with limiting(empty_redis_url, rule("one", more["scope"], (1, "1m"))) as limiter:
        assert (await limiter.decide(asked(**first))).allowed
        assert (await limiter.decide(asked(**other))).allowed
        assert not (await limiter.decide(asked(**first))).allowed


@pytest.mark.parametrize(
    ("scope", "first", "other"),
    [
        ("global", {}, {"address": "192.0.2.2", "user": "usr_1", "route": "/login", "method": "POST"}),
        ("endpoint", {}, {"address": "192.0.2.2", "user": "usr_1"}),
        ("user", {"user": "usr_1"}, {"user": "usr_1", "address": "192.0.2.2"}),
        ("endpoint", {"route": UNMATCHED, "method": "A"}, {"route": UNMATCHED, "method": "B"}),
    ],
)
async def test_callers_share_a_limit(
    scope: str, first: dict[str, Any], other: dict[str, Any], empty_redis_url: str
) -> None:
    async with limiting(empty_redis_url, rule("one", scope, (1, "1m"))) as limiter:
        assert (await limiter.decide(asked(**first))).allowed
        assert not (await limiter.decide(asked(**other))).allowed


@pytest.mark.parametrize(
    ("more", "counted"),
    [
        ({"route": "/things"}, True),
        ({"route": "/things/{id}"}, False),
        ({"tag": "things"}, True),
        ({"tag": "users"}, False),
        ({"method": "GET"}, True),
        ({"method": "POST"}, False),
        ({"exempt_roles": ["admin"]}, False),
        ({"exempt_roles": ["student"]}, True),
        ({"exempt_tags": ["things"]}, False),
        ({"exempt_tags": ["users"]}, True),
    ],
)
async def test_a_rule_counts_what_it_names(more: dict[str, Any], counted: bool, empty_redis_url: str) -> None:  # noqa: FBT001 - a parameter of the test
    async with limiting(empty_redis_url, rule("one", "ip", (1, "1m"), **more)) as limiter:
        decisions = [await limiter.decide(asked(user="usr_1", role="admin")) for _ in range(2)]
    assert [each.allowed for each in decisions] == [True, not counted]


async def test_an_account_is_limited_whatever_its_case_and_alone(empty_redis_url: str) -> None:
    rules = (
        rule("account", "account", (2, "1m"), route="/login", method="POST"),
        rule("address", "ip", (2, "1m")),
    )
    async with limiting(empty_redis_url, *rules) as limiter:
        names = "ada@example.org", "Ada@Example.org", "ADA@example.org", "grace@example.org"
        decisions = [await limiter.decide_account("/login", "POST", name) for name in names]
        other = await limiter.decide_account("/things", "POST", "ada@example.org")
    assert [each.allowed for each in decisions] == [True, True, False, True]
    assert other.allowed
    assert decisions[2].violated == ("account",)


async def test_redis_holds_no_identity_and_every_key_expires(empty_redis_url: str) -> None:
    rules = (
        rule("address", "ip"),
        rule("user", "user", (3, "1m"), (5, "1h")),
        rule("all", "global"),
        rule("account", "account", route="/login", method="POST"),
    )
    async with limiting(empty_redis_url, *rules) as limiter:
        await limiter.decide(asked(user="usr_1"))
        await limiter.decide_account("/login", "POST", "ada@example.org")
        await limiter.report()
        await limiter.clear("ip", "192.0.2.9")
    with redis.Redis.from_url(empty_redis_url, decode_responses=True) as client:
        keys = set(client.keys("*"))
        assert len(keys) == 7
        assert all(key.startswith("{lms:limits}:") for key in keys)
        keys.remove(BEGUN)  # it has to live as long as the data, and is one short text
        assert re.fullmatch("[0-9a-f]{16,40}", str(client.get(BEGUN)))
        stored = " ".join([*keys, *(" ".join(client.zrange(key, 0, -1)) for key in keys)])
        assert not any(secret in stored for secret in ("192.0.2.1", "usr_1", "ada"))
        assert all(0 < client.pttl(key) <= 3_600_000 for key in keys)


async def test_an_admin_looks_at_a_key_and_clears_it(empty_redis_url: str) -> None:
    rules = rule("one", "ip", (2, "1m")), rule("two", "user", (5, "1m"), (9, "1h")), rule("three", "global")
    async with limiting(empty_redis_url, *rules) as limiter:
        await limiter.decide(asked())
        for _ in range(2):  # looking counts nothing
            before = await limiter.look("ip", "192.0.2.1")
        assert [(each.rule, [state.remaining for state in each.states]) for each in before] == [
            ("one", [1]),
            ("two", [4, 8]),
        ]
        assert await limiter.clear("ip", "192.0.2.1") == 2
        assert await limiter.clear("ip", "192.0.2.1") == 0
        after = await limiter.look("ip", "192.0.2.1")
        assert [state.remaining for each in after for state in each.states] == [2, 5, 9]
        assert [state.reset_seconds for each in after for state in each.states] == [0, 0, 0]
        (everybody,) = await limiter.look("global", "")
        assert everybody.states[0].remaining == 2
        assert await limiter.look("endpoint", "GET /things") == []
        assert await limiter.clear("endpoint", "GET /things") == 0
