"""Every code of the API, provoked by a request. A code without a scenario fails the last test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

import httpx
import pytest

from app.core.errors import LmsError
from app.http.problems import catalogue
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.http.refused_elsewhere import ELSEWHERE
from tests.app.people import LESSON, PASSWORD, RIGHT, Api
from tests.app.problems import assert_problem

Scenario = Callable[[Api, FixedClock], Awaitable[httpx.Response]]
SCENARIOS: Final[dict[str, Scenario]] = {}
NOBODY: Final = "usr_00000000000000000000"

NEVER_ANSWERED: Final = {"forbidden", "conflict", "unavailable"}
"""Parents of refusals; nothing raises them directly."""


def scenario(code: str) -> Callable[[Scenario], Scenario]:
    def register(function: Scenario) -> Scenario:
        SCENARIOS[code] = function
        return function

    return register


@pytest.fixture
async def demo_api(
    empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> AsyncIterator[Api]:
    settings = make_settings(empty_mongodb_url, empty_redis_url, demo_failure_ratio=1, body_limit_bytes=2000)
    async with serving(settings, telemetry, clock) as served:
        yield served


@scenario("not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await api.client.get("/nothing")


@scenario("method_not_allowed")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    answer = await api.client.put("/courses")
    assert answer.headers["allow"]
    return answer


@scenario("malformed_request")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    broken = b'{"email": "\xff"}'
    return await api.client.post("/users", content=broken, headers={"Content-Type": "application/json"})


@scenario("body_too_large")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await api.client.post("/users", json={"name": "x" * 3000})


@scenario("internal_error")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await (await api.student()).post("/demo/transcripts")


@scenario("not_authenticated")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    answer = await api.client.get("/users/me")
    assert answer.headers["www-authenticate"] == "Bearer"
    return answer


@scenario("token_invalid")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await api.client.get("/users/me", headers={"Authorization": "Bearer no.such.token"})


@scenario("token_expired")
async def _(api: Api, clock: FixedClock) -> httpx.Response:
    person = await api.student()
    clock.advance(timedelta(minutes=11))
    return await person.get("/users/me")


@scenario("token_revoked")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    person = await api.student()
    await person.post("/auth/logout")
    return await person.get("/users/me")


@scenario("credentials_invalid")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await api.client.post("/auth/login", json={"email": "nobody@example.org", "password": PASSWORD})


@scenario("refresh_reused")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    person = await api.student()
    await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    return await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})


@scenario("role_required")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await (await api.student()).post("/courses", {"title": "T", "description": "", "capacity": 1})


@scenario("email_taken")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    person = await api.student()
    body = {"email": person.email.upper(), "password": PASSWORD, "name": "Somebody"}
    return await api.client.post("/users", json=body)


@scenario("user_not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await (await api.admin()).send("PATCH", f"/users/{NOBODY}/role", {"role": "admin"})


@scenario("cursor_invalid")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    answer = await api.client.get("/courses", params={"cursor": "!"})
    assert [error["field"] for error in answer.json()["errors"]] == ["query.cursor"]
    return answer


@scenario("course_not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    draft = await api.course(await api.instructor(), published=False)
    return await (await api.student()).get(f"/courses/{draft}")


@scenario("course_exists")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    author = await api.instructor()
    course = await api.course(author)
    return await author.post("/courses", {"title": "T", "slug": course, "description": "", "capacity": 1})


@scenario("course_incomplete")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    author = await api.instructor()
    course = await api.course(author, lessons=[], published=False)
    return await author.post(f"/courses/{course}/publish")


@scenario("not_course_owner")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    course = await api.course(await api.instructor())
    return await (await api.instructor()).put(f"/courses/{course}/lessons/spans", LESSON)


@scenario("lesson_not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    author = await api.instructor()
    return await author.get(f"/courses/{await api.course(author)}/lessons/metrics")


@scenario("quiz_not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    author = await api.instructor()
    return await author.get(f"/courses/{await api.course(author)}/quizzes/first")


@scenario("lesson_order_invalid")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    author = await api.instructor()
    course = await api.course(author)
    return await author.put(f"/courses/{course}/lesson-order", {"lesson_ids": ["spans", "spans"]})


@scenario("course_not_published")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    author = await api.instructor()
    return await author.post(f"/courses/{await api.course(author, published=False)}/enrollments")


@scenario("course_full")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    course = await api.course(await api.instructor(), capacity=1)
    await (await api.student()).post(f"/courses/{course}/enrollments")
    return await (await api.student()).post(f"/courses/{course}/enrollments")


@scenario("not_enrolled")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    course = await api.course(await api.instructor())
    return await (await api.student()).get(f"/courses/{course}/lessons/spans")


@scenario("enrollment_completed")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    course = await api.course(await api.instructor(), quizzes=[])
    learner = await api.student()
    await learner.post(f"/courses/{course}/enrollments")
    await learner.put(f"/courses/{course}/lessons/spans/completion")
    return await learner.send("DELETE", f"/courses/{course}/enrollments/me")


@scenario("certificate_not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await api.client.get(f"/certificates/crt_{'0' * 32}")


@scenario("attempts_exhausted")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    course = await api.course(await api.instructor())
    learner = await api.student()
    await learner.post(f"/courses/{course}/enrollments")
    path = f"/courses/{course}/quizzes/final/submissions"
    for _attempt in range(3):
        assert (await learner.post(path, {"answers": {}})).status_code == 201
    return await learner.post(path, {"answers": RIGHT})


@scenario("submission_not_found")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await (await api.student()).get(f"/submissions/{NOBODY}:course:final:1")


@scenario("answers_invalid")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    course = await api.course(await api.instructor())
    learner = await api.student()
    await learner.post(f"/courses/{course}/enrollments")
    answers = {"q1": 2, "q2": 0, "q9": 0}
    return await learner.post(f"/courses/{course}/quizzes/final/submissions", {"answers": answers})


@scenario("validation_failed")
async def _(api: Api, _clock: FixedClock) -> httpx.Response:
    return await api.client.post("/users", json={"email": "nobody", "password": "hunter2"})


REFUSED_FIELDS: Final = {
    "cursor_invalid": ("query.cursor",),
    "answers_invalid": ("body.answers.q1", "body.answers.q9"),
    "validation_failed": ("body.email", "body.name", "body.password"),
}


@pytest.mark.parametrize("code", sorted(SCENARIOS))
async def test_a_refusal_is_a_complete_problem(code: str, demo_api: Api, clock: FixedClock) -> None:
    answer = await SCENARIOS[code](demo_api, clock)
    status = next(kind.status for kind in catalogue() if kind.code == code)
    assert_problem(answer, status, code, *REFUSED_FIELDS.get(code, ()))


def test_every_code_is_tried() -> None:
    codes = {kind.code for kind in catalogue()}
    assert codes == {*SCENARIOS, *NEVER_ANSWERED}.union(*ELSEWHERE.values())


async def test_an_unhandled_error_reveals_nothing_and_is_reported(demo_api: Api, telemetry: Captured) -> None:
    learner = await demo_api.student()
    answer = await learner.post("/demo/transcripts")
    assert answer.json()["detail"] == LmsError().detail
    assert "lost" not in answer.text
    (event,) = telemetry.errors
    assert event["exception"]["values"][-1]["type"] == "TranscriptFailed"
    assert event["user"]["id"] == learner.id
    assert learner.email not in str(event)
