"""Every route is limited before anything is done for it, and the answer says how much is left."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
import pytest
from fastapi.routing import iter_route_contexts

from app.core.settings import Settings
from app.http.rate_limit import UNLIMITED
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Api
from tests.app.problems import FIELDS, assert_problem

QUOTA_TYPE: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
CATALOGUE: Final = (
    "{name: few, scope: ip, route: /api/v1/courses, method: GET, limits: [{limit: 2, window: 1h}]}"
)
ME: Final = "{name: mine, scope: user, route: /api/v1/users/me, limits: [{limit: 3, window: 1h}]}"
LOGIN: Final = (
    "{name: login-account, scope: account, route: /api/v1/auth/login, method: POST, "
    "limits: [{limit: 2, window: 1h}]}"
)
UNMATCHED: Final = "{name: strays, scope: ip, route: <unmatched>, limits: [{limit: 3, window: 1h}]}"
EVERYBODY: Final = "{name: all, scope: global, limits: [{limit: 1, window: 1h}]}"

Limited = Callable[..., Any]


@pytest.fixture
def limited(settings: Settings, telemetry: Captured, clock: FixedClock, tmp_path: Path) -> Callable[..., Any]:
    """Serves the platform with these rules."""

    @asynccontextmanager
    async def serve(*rules: str, **changes: object) -> AsyncIterator[Api]:
        path = tmp_path / "rules.yml"
        path.write_text("rules:\n" + "".join(f"  - {rule}\n" for rule in rules))
        own = make_settings(settings.mongodb_url, settings.redis_url, rate_limits=path, **changes)
        async with serving(own, telemetry, clock) as api:
            yield api

    return serve


def assert_refused(answer: httpx.Response, *policies: str) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == FIELDS | {"violated-policies"}
    assert (body["type"], body["code"], body["status"]) == (QUOTA_TYPE, "quota_exceeded", 429)
    assert body["violated-policies"] == list(policies)
    assert int(answer.headers["retry-after"]) >= 1
    assert f"{answer.headers['retry-after']} s" in body["detail"]


async def test_answers_say_what_is_left(limited: Limited) -> None:
    async with limited(CATALOGUE, EVERYBODY.replace("limit: 1", "limit: 9")) as api:
        first, second, third = [await api.client.get("/courses") for _ in range(3)]
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 429]
    policies = {answer.headers["ratelimit-policy"] for answer in (first, second, third)}
    assert len(policies) == 1
    assert set(policies.pop().split(", ")) == {'"few";q=2;w=3600', '"all";q=9;w=3600'}
    for answer, few, everybody in ((first, 1, 8), (second, 0, 7), (third, 0, 7)):
        left = dict(re.findall(r'"(\w+)";r=(\d+);t=\d+', answer.headers["ratelimit"]))
        assert left == {"few": str(few), "all": str(everybody)}
    assert_refused(third, "few")
    assert int(third.headers["retry-after"]) >= 3500


async def test_a_route_without_a_rule_has_no_headers(limited: Limited) -> None:
    async with limited(CATALOGUE) as api:
        answer = await api.client.get("/problems")
    assert not {name for name in answer.headers if name.startswith("ratelimit")}


async def test_a_refusal_of_another_kind_has_the_headers_too(limited: Limited) -> None:
    async with limited(ME) as api:
        answer = await api.client.get("/users/me")
    assert_problem(answer, 401, "not_authenticated")
    assert answer.headers.get_list("ratelimit", split_commas=True)[0].startswith('"mine";r=2;t=')


# --- where it runs ---


def request_scope(api: Api, method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": raw,
        "client": ("127.0.0.1", 1),
        "server": ("lms.test", 80),
        "app": api.app,
    }


async def test_a_refused_body_is_not_read(limited: Limited) -> None:
    """And no dependency runs: the session is not looked up."""
    rule = (
        "{name: submit, scope: ip, route: '/api/v1/courses', method: POST, limits: [{limit: 1, window: 1h}]}"
    )
    async with limited(rule) as api:
        learner = await api.student()
        assert (await learner.post("/courses", {})).status_code == 403
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            raise AssertionError("the body was read")

        async def send(message: Any) -> None:  # noqa: ANN401 - any message of ASGI
            sent.append(message)

        headers = {"Authorization": f"Bearer {learner.access}", "Content-Type": "application/json"}
        await api.app(request_scope(api, "POST", "/api/v1/courses", headers), receive, send)
    assert sent[0]["status"] == 429


async def test_a_refused_request_asks_nobody_for_its_session(limited: Limited, telemetry: Captured) -> None:
    async with limited(ME) as api:
        learner = await api.student()
        statuses = [(await learner.get("/users/me")).status_code for _ in range(5)]
    assert statuses == [200, 200, 429, 429, 429]  # signing in has asked once, too
    assert telemetry.value("lms.token.revocation_checks", {"outcome": "valid"}) == 3


async def test_every_route_is_limited_but_the_probes(limited: Limited) -> None:
    """Walks the route table, so that it finds routes that are added later."""
    async with limited(EVERYBODY) as api:
        await api.client.get("/courses")
        seen = set()
        for route in iter_route_contexts(api.app.routes):
            path = re.sub(r"\{[^}]+\}", "anything", route.path_format or "")
            for method in route.methods or ():
                answer = await api.client.request(method, f"http://lms.test{path}")
                seen.add(route.path_format)
                wanted = {200} if path in UNLIMITED else {429}
                assert answer.status_code in wanted, f"{method} {route.path_format}: {answer.status_code}"
    assert {"/openapi.json", "/livez", "/api/v1/courses/{course_id}", "/.well-known/jwks.json"} <= seen


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "http://lms.test/", 404),
        ("BREW", "/courses", 405),
        ("PUT", "/courses", 405),
        ("GET", "/courses/", 307),
    ],
)
async def test_what_no_route_answers_is_limited_by_address(
    limited: Limited, method: str, path: str, status: int
) -> None:
    async with limited(UNMATCHED, trusted_proxies="127.0.0.0/8") as api:
        learner = await api.student()
        answers = [await learner.send(method, path) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [status, status, status, 429]
        assert_refused(answers[-1], "strays")
        assert all('"strays";r=' in answer.headers["ratelimit"] for answer in answers)
        assert (await learner.send(method, path, **{"X-Forwarded-For": "192.0.2.7"})).status_code == status
        assert (await api.client.get("/courses")).status_code == 200


# --- whose request it is ---


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


# --- other origins ---


async def test_pages_of_named_origins_see_the_headers(limited: Limited) -> None:
    async with limited(CATALOGUE, cors_origins="https://learn.example.org") as api:
        page = {"Origin": "https://learn.example.org"}
        asked = {
            **page,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        preflight = await api.client.options("/courses", headers=asked)
        answers = [await api.client.get("/courses", headers=page) for _ in range(3)]
        foreign = await api.client.get("/problems", headers={"Origin": "https://elsewhere.example"})
    assert preflight.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    for answer in answers:
        exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert {"RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID", "traceresponse"} <= exposed
        assert answer.headers["access-control-allow-origin"] == "https://learn.example.org"
    assert "access-control-allow-origin" not in foreign.headers


async def test_without_named_origins_no_page_may_call(api: Api) -> None:
    answer = await api.client.get("/courses", headers={"Origin": "https://learn.example.org"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


# --- its description ---


async def test_every_operation_says_that_it_is_limited(api: Api) -> None:
    schema = (await api.client.get("http://lms.test/openapi.json")).json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert ("429" in operation["responses"]) == (path not in UNLIMITED), f"{method} {path}"
    refusal = schema["paths"]["/api/v1/courses"]["get"]["responses"]["429"]
    assert set(refusal["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}
    example = refusal["content"]["application/problem+json"]["examples"]["quota_exceeded"]["value"]
    assert (example["type"], example["violated-policies"]) == (QUOTA_TYPE, ["login-address"])
