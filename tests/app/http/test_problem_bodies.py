"""What a problem body contains, and what it must not."""

from __future__ import annotations

from app.http.problems import catalogue
from otel.testing import Captured
from tests.app.people import Api


async def test_what_was_sent_is_not_repeated(api: Api) -> None:
    answer = await api.client.post("/users", json={"email": "nobody", "password": "hunter2"})
    assert "hunter2" not in answer.text


async def test_the_types_of_problems_are_described(api: Api) -> None:
    listed = (await api.client.get("/problems")).json()
    assert {kind["code"] for kind in listed} == {kind.code for kind in catalogue()}


async def test_the_span_names_the_problem(api: Api, telemetry: Captured) -> None:
    await api.client.get("/courses/no-such-course")
    span = next(span for span in telemetry.spans if span.attributes.get("http.route"))
    assert span.attributes["lms.problem.code"] == "course_not_found"
    assert span.attributes["http.route"] == "/api/v1/courses/{course_id}"
