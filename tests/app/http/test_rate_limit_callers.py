"""Whose request a limit counts: a user's, an address's or an account name's."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jwt
import pytest

from tests.app.conftest import make_settings
from tests.app.fixed_clock import FixedClock
from tests.app.http.quotas import (
    CATALOGUE,
    LOGIN,
    ME,
    Limited,
    assert_refused,
)
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Api
from tests.app.problems import assert_problem


async def test_each_user_has_a_quota_and_everybody_else_their_addresss(
    limited: Limited, clock: FixedClock
) -> None:
    async with limited(ME, trusted_proxies="127.0.0.0/8") as api:
        ada, grace = await api.student(), await api.student()
        assert [(await ada.get("/users/me")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await grace.get("/users/me")).status_code == 200
        for token in ("", "Bearer forged"):
            anonymous = {"Authorization": token} if token else {}
            assert (await api.client.get("/users/me", headers=anonymous)).status_code == 401
        clock.advance(make_settings("mongodb://x/y", "redis://x/0").jwt_access_ttl)
        assert_problem(await ada.get("/users/me"), 401, "token_expired")
        assert_refused(await ada.get("/users/me"), "mine")  # as the fourth of this address
        other = {"X-Forwarded-For": "2001:db8::1"}
        assert (await api.client.get("/users/me", headers=other)).status_code == 401


async def test_a_forged_header_gives_no_quota(limited: Limited) -> None:
    async with limited(CATALOGUE) as api:
        forged = [
            {"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"}
            for number in range(3)
        ]
        statuses = [(await api.client.get("/courses", headers=each)).status_code for each in forged]
    assert statuses == [200, 200, 429]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked."""
    tokens: list[str] = []
    decode = jwt.decode

    def counted(token: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the original
        tokens.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    return tokens


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users/me", 200),
        ("GET", "/monitoring/health", 200),
        ("GET", "/monitoring/audit", 200),
        ("PUT", "/monitoring/log-levels/edge", 200),
        ("GET", "/courses", 200),
    ],
)
async def test_a_token_is_verified_once(
    api: Api, verified: list[str], method: str, path: str, status: int
) -> None:
    admin = await api.admin()
    verified.clear()
    answer = await admin.send(method, path, {"level": "debug", "seconds": 1} if method == "PUT" else None)
    assert answer.status_code == status
    assert verified == [admin.access]


async def test_an_invalid_token_is_verified_once_and_refused_as_ever(api: Api, verified: list[str]) -> None:
    answer = await api.client.get("/users/me", headers={"Authorization": "bearer nonsense"})
    assert_problem(answer, 401, "token_invalid")
    assert verified == ["nonsense"]


async def test_the_metrics_token_is_no_token_of_a_user(api: Api, verified: list[str]) -> None:
    token = {"Authorization": "Bearer metrics-token-of-the-tests"}
    assert (await api.client.get("/monitoring/telemetry", headers=token)).status_code == 200
    assert verified == []


# --- accounts ---


async def test_a_refused_login_tells_nothing_about_the_account(limited: Limited) -> None:
    told = []
    async with limited(LOGIN) as api:
        for email in (ADMIN_EMAIL, "nobody@example.org"):
            wrong = [
                await api.client.post("/auth/login", json={"email": name, "password": PASSWORD})
                for name in (email, email.upper().replace("EXAMPLE.ORG", "example.org"), email)
            ]
            assert [answer.status_code for answer in wrong] == [401, 401, 429]
            assert_refused(wrong[-1], "login-account")
            told.append([shown(answer) for answer in wrong])
        right = await api.client.post("/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
        assert_refused(right, "login-account")
    assert told[0] == told[1]


def shown(answer: httpx.Response) -> tuple[object, ...]:
    """Returns everything in an answer but what is different in each."""
    body = {
        name: value
        for name, value in answer.json().items()
        if name not in {"trace_id", "request_id", "detail"}
    }
    headers = {name for name in answer.headers if name != "content-length"}
    policies = re.sub(r"t=\d+", "t", answer.headers["ratelimit"])
    return answer.status_code, body, headers, policies
