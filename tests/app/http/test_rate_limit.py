"""Every route is limited before anything is done for it, and the answer says how much is left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from app.http.rate_limit import UNLIMITED
from otel.testing import Captured
from tests.app.http.quotas import (
    CATALOGUE,
    EVERYBODY,
    ME,
    QUOTA_TYPE,
    UNMATCHED,
    Limited,
    assert_refused,
)
from tests.app.people import Api
from tests.app.problems import assert_problem


async def test_answers_say_what_is_left(limited: Limited) -> None:
    async with limited(CATALOGUE, EVERYBODY.replace("limit: 1", "limit: 9")) as api:
        first, second, third = [await api.client.get("/courses") for _ in range(3)]
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 429]
    policies = {answer.headers["ratelimit-policy"] for answer in (first, second, third)}
    assert policies == {'"few";q=2;w=3600'}  # what all callers have left together is not theirs to know
    for answer, few in ((first, 1), (second, 0), (third, 0)):
        left = dict(re.findall(r'"(\w+)";r=(\d+);t=\d+', answer.headers["ratelimit"]))
        assert left == {"few": str(few)}
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
