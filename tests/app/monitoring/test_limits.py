"""An admin sees the rate limits, what they have counted for a caller, and clears it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from app.core.settings import Settings
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.people import PASSWORD, Api
from tests.app.problems import assert_problem
from tests.backends import RedisServer

PATH: Final = "/monitoring/limits"
RULES: Final = """\
rules:
  - {name: few, scope: ip, route: /api/v1/courses, method: GET, limits: [{limit: 2, window: 1h}]}
  - name: mine
    scope: user
    route: /api/v1/users/me
    limits: [{limit: 9, window: 1m}, {limit: 50, window: 1h}]
  - {name: sign-in, scope: account, route: /api/v1/auth/login, method: POST, limits: [{limit: 2, window: 1h}]}
  - {name: reads, scope: endpoint, route: '/api/v1/courses/{course_id}', limits: [{limit: 5, window: 1h}]}
  - {name: all, scope: global, shadow: true, limits: [{limit: 1, window: 1h}]}
"""


def at(scope: str, key: str) -> str:
    return f"{PATH}/{scope}/{quote(key, safe='')}"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    return path


@pytest.fixture
async def limited(
    settings: Settings, telemetry: Captured, clock: FixedClock, rules: Path
) -> AsyncIterator[Api]:
    own = make_settings(
        settings.mongodb_url, settings.redis_url, rate_limits=rules, trusted_proxies="127.0.0.0/8"
    )
    async with serving(own, telemetry, clock) as api:
        yield api


async def wrong_logins(api: Api, email: str, count: int) -> list[int]:
    body = {"email": email, "password": PASSWORD}
    return [(await api.client.post("/auth/login", json=body)).status_code for _ in range(count)]


async def test_an_admin_sees_the_rules_in_force(limited: Api) -> None:
    found = (await (await limited.admin()).get(PATH)).json()
    assert found["limiter"]["backend"] == "redis"
    assert found["limiter"]["breaker"] == "closed"
    assert found["limiter"]["rules_error"] is None
    assert [rule["name"] for rule in found["rules"]] == ["few", "mine", "sign-in", "reads", "all"]
    assert found["rules"][1] == {
        "name": "mine",
        "scope": "user",
        "target": "/api/v1/users/me",
        "limits": [{"limit": 9, "window": 60}, {"limit": 50, "window": 3600}],
        "cost": 1,
        "exempt_roles": [],
        "exempt_tags": [],
        "shadow": False,
        "when_redis_is_away": "local",
    }


async def test_a_blocked_address_is_seen_and_cleared(limited: Api) -> None:
    admin = await limited.admin()
    learner = {"X-Forwarded-For": "2001:db8::7"}
    read = [(await limited.client.get("/courses", headers=learner)).status_code for _ in range(3)]
    assert read == [200, 200, 429]

    seen = (await admin.get(at("ip", "2001:db8::99"))).json()
    assert (seen["scope"], seen["key"]) == ("ip", "2001:db8::/64")
    few, _mine = seen["rules"]  # a rule for users counts the addresses of those who have not signed in
    assert (few["rule"], few["backend"], few["states"][0]["remaining"]) == ("few", "redis", 0)
    assert 3500 < few["states"][0]["reset_seconds"] <= 3600

    assert (await admin.send("DELETE", at("ip", "2001:db8::/64"))).json() == {"rules": 1}
    assert (await limited.client.get("/courses", headers=learner)).status_code == 200
    assert (await admin.send("DELETE", at("ip", "192.0.2.1"))).json() == {"rules": 0}


async def test_each_scope_has_its_keys(limited: Api) -> None:
    admin, learner = await limited.admin(), await limited.student()
    assert (await limited.client.get("/courses/a")).status_code == 404
    assert await wrong_logins(limited, "nobody@example.org", 1) == [401]
    remaining = {}
    for scope, key in (
        ("user", learner.id),
        ("account", "Nobody@Example.org"),
        ("endpoint", "GET /api/v1/courses/{course_id}"),
        ("global", "everybody"),
    ):
        answer = await admin.get(at(scope, key))
        assert answer.status_code == 200, answer.text
        [rule] = answer.json()["rules"]
        remaining[rule["rule"]] = [state["remaining"] for state in rule["states"]]
    assert remaining == {"mine": [8, 49], "sign-in": [1], "reads": [4], "all": [0]}


async def test_a_blocked_account_is_cleared(limited: Api) -> None:
    admin = await limited.admin()
    assert await wrong_logins(limited, "nobody@example.org", 3) == [401, 401, 429]
    assert (await admin.send("DELETE", at("account", "nobody@example.org"))).json() == {"rules": 1}
    assert await wrong_logins(limited, "nobody@example.org", 1) == [401]


async def test_both_are_audited_without_the_account_name(limited: Api, telemetry: Captured) -> None:
    admin = await limited.admin()
    await admin.get(at("ip", "192.0.2.7"))
    await admin.send("DELETE", at("account", "nobody@example.org"))
    found = (await admin.get("/monitoring/audit")).json()["items"]
    assert [(each["action"], each["target"].partition("/")[0]) for each in found] == [
        ("limit_cleared", "account"),
        ("limit_looked_up", "ip"),
    ]
    assert found[1]["target"] == "ip/192.0.2.7"
    assert "nobody" not in repr(found)
    assert "nobody" not in repr([record.attributes for record in telemetry.logs])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("scope", "key", "field"),
    [
        ("planet", "earth", "path.scope"),
        ("ip", "not an address", "path.key"),
        ("ip", "192.0.2.0/24", "path.key"),
        ("user", "ada@example.org", "path.key"),
        ("endpoint", "GET /api/v1/nothing", "path.key"),
        ("endpoint", "/api/v1/courses", "path.key"),
        ("global", "nobody", "path.key"),
        ("account", "usr_3f9ad2c4b1e05d6f7a88", "path.key"),
        ("ip", "1" * 301, "path.key"),
    ],
)
async def test_a_wrong_key_names_the_field_and_the_fix(
    api: Api, method: str, scope: str, key: str, field: str
) -> None:
    answer = await (await api.admin()).send(method, at(scope, key))
    assert_problem(answer, 422, "validation_failed", field)
    assert answer.json()["errors"][0]["message"]


async def test_only_admins_look_and_clear(api: Api) -> None:
    student = await api.student()
    token = {"Authorization": "Bearer metrics-token-of-the-tests"}
    assert (await api.client.get(PATH, headers=token)).status_code == 200
    for method in ("GET", "DELETE"):
        path = at("ip", "192.0.2.7")
        assert_problem(await student.send(method, path), 403, "role_required")
        assert_problem(await api.client.request(method, path, headers=token), 403, "role_required")
    assert_problem(await student.get(PATH), 403, "role_required")


async def test_without_redis_this_process_tells_what_it_knows(
    empty_mongodb_url: str, own_redis: RedisServer, telemetry: Captured, clock: FixedClock, rules: Path
) -> None:
    own = make_settings(empty_mongodb_url, own_redis.url, rate_limits=rules)
    async with serving(own, telemetry, clock) as api:
        admin = await api.admin()
        await api.client.get("/courses")
        own_redis.stop()
        seen: dict[str, Any] = (await admin.get(at("ip", "127.0.0.1"))).json()
        cleared: httpx.Response = await admin.send("DELETE", at("ip", "127.0.0.1"))
        told = (await admin.get("/monitoring/telemetry")).json()["limiter"]
    assert [(rule["rule"], rule["backend"]) for rule in seen["rules"]] == [
        ("few", "local"),
        ("mine", "local"),
    ]
    assert seen["rules"][0]["states"][0]["remaining"] == 1
    assert_problem(cleared, 503, "limits_unavailable")
    assert told["last_error"]
