"""The form that every error body must have."""

from __future__ import annotations

import httpx

FIELDS = {"type", "title", "status", "detail", "instance", "code", "trace_id", "request_id", "errors"}


def assert_problem(answer: httpx.Response, status: int, code: str, *fields: str) -> None:
    """Checks that `answer` is a complete problem body of this status and code, about these fields."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == FIELDS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"/api/v1/problems#{code}"
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["x-request-id"]
    assert len(body["trace_id"]) == 32
    assert [error["field"] for error in body["errors"]] == list(fields)
    assert all(error["message"] and error["code"] for error in body["errors"])
