"""Rules for tests of rate limits, and the form of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import httpx

from tests.app.people import Api
from tests.app.problems import FIELDS

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

Limited = Callable[..., AbstractAsyncContextManager[Api]]


def assert_refused(answer: httpx.Response, *policies: str) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == FIELDS | {"violated-policies"}
    assert (body["type"], body["code"], body["status"]) == (QUOTA_TYPE, "quota_exceeded", 429)
    assert body["violated-policies"] == list(policies)
    assert int(answer.headers["retry-after"]) >= 1
    assert f"{answer.headers['retry-after']} s" in body["detail"]
