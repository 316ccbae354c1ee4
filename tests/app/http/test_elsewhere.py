"""Requests that no route answers as they are: another method, or a trailing slash."""

from __future__ import annotations

import re

import pytest

from tests.app.people import Api
from tests.app.problems import assert_problem


async def test_allow_names_every_method_of_a_path(api: Api) -> None:
    described = api.app.openapi()["paths"]
    several = 0
    for template in described:
        path = template.replace("{", "").replace("}", "")
        answer = await api.client.request("OPTIONS", f"http://lms.test{path}")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        also = (each for each in described if re.fullmatch(re.sub(r"{\w+}", "[^/]+", each), path))
        methods = {method.upper() for each in also for method in described[each]}
        assert set(answer.headers["allow"].split(", ")) == methods, path
        several += len(methods) > 1
    assert several >= 3


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        pytest.param("/api/v1/courses/", "/api/v1/courses", id="too many"),
        pytest.param(
            "/api/v1/courses///?limit=1&cursor=%20", "/api/v1/courses?limit=1&cursor=%20", id="query"
        ),
        pytest.param("/api/v1/courses/a%3Fb%25/", "/api/v1/courses/a%3Fb%25", id="escapes"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_redirect_leads_to_no_other_host(method: str, asked: str, leads: str, api: Api) -> None:
    forged = {"Host": "attack.example", "X-Forwarded-Host": "attack.example"}
    answer = await api.client.request(method, f"http://lms.test{asked}", headers=forged)
    assert (answer.status_code, answer.headers["location"]) == (307, leads)


@pytest.mark.parametrize("path", ["//attack.example/", "/nothing/", "/api/v1/nothing/", "/", "//"])
async def test_a_path_without_a_route_is_not_found(path: str, api: Api) -> None:
    answer = await api.client.send(api.client.build_request("GET", f"http://lms.test{path}"))
    assert_problem(answer, 404, "not_found")
