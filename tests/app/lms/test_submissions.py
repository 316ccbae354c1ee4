from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pymongo
import pytest

from app.core.settings import Settings
from app.lms.services import Services
from app.lms.submissions.acknowledged import MOST, SETTLED
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import QUIZ, RIGHT, WRONG, Api, Person
from tests.app.problems import assert_problem


@pytest.fixture
async def course(api: Api) -> str:
    return await api.course(await api.instructor())


@pytest.fixture
async def learner(api: Api, course: str) -> Person:
    person = await api.student()
    assert (await person.post(f"/courses/{course}/enrollments")).status_code == 201
    return person


def path(course: str) -> str:
    return f"/courses/{course}/quizzes/final/submissions"


async def test_an_answer_is_graded(course: str, learner: Person, telemetry: Captured) -> None:
    half = (await learner.post(path(course), {"answers": WRONG})).json()
    full = (await learner.post(path(course), {"answers": RIGHT})).json()
    assert (half["score"], half["passed"], half["attempt"]) == (0.5, False, 1)
    assert (full["score"], full["passed"], full["attempt"]) == (1.0, True, 2)
    assert full["id"] == f"{learner.id}:{course}:final:2"
    outcomes = {
        name: telemetry.value("lms.quiz.attempts", {"outcome": name}) for name in ("passed", "failed")
    }
    assert outcomes == {"passed": 1, "failed": 1}
    assert telemetry.value("lms.quiz.score", {"outcome": "passed"}) == 1


async def test_a_question_left_out_is_wrong(course: str, learner: Person) -> None:
    answer = await learner.post(path(course), {"answers": {"q2": 2}})
    assert (answer.json()["score"], answer.json()["passed"]) == (0.5, False)


async def test_of_concurrent_answers_no_more_than_the_limit_are_accepted(
    course: str, learner: Person, telemetry: Captured
) -> None:
    answers = await asyncio.gather(*(learner.post(path(course), {"answers": WRONG}) for _ in range(12)))
    taken = sorted(answer.json()["attempt"] for answer in answers if answer.status_code == 201)
    assert taken == [1, 2, 3]
    assert sum(answer.status_code == 409 for answer in answers) == 9
    assert len((await learner.get(path(course))).json()) == 3
    assert telemetry.value("lms.quiz.attempts", {"outcome": "exhausted"}) == 9


async def test_an_answer_sent_again_costs_no_attempt(
    course: str, learner: Person, telemetry: Captured
) -> None:
    first = await learner.post(path(course), {"answers": WRONG}, **{"Idempotency-Key": "try-1"})
    again = await learner.post(path(course), {"answers": WRONG}, **{"Idempotency-Key": "try-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert telemetry.value("lms.quiz.attempts", {"outcome": "repeated"}) == 1


async def test_an_answer_sent_twice_at_once_is_one(course: str, learner: Person) -> None:
    sent = (learner.post(path(course), {"answers": WRONG}, **{"Idempotency-Key": "try-1"}) for _ in range(6))
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status_code for answer in answers) == [*[200] * 5, 201]
    assert len((await learner.get(path(course))).json()) == 1


async def test_a_malformed_key_is_named(course: str, learner: Person) -> None:
    answer = await learner.post(path(course), {"answers": WRONG}, **{"Idempotency-Key": "a b"})
    assert_problem(answer, 422, "validation_failed", "header.Idempotency-Key")


async def test_answers_are_for_those_who_may_see_them(api: Api, course: str, learner: Person) -> None:
    submission = (await learner.post(path(course), {"answers": WRONG})).json()["id"]
    assert (await learner.get(f"/submissions/{submission}")).json()["answers"] == WRONG
    assert (await (await api.admin()).get(f"/submissions/{submission}")).status_code == 200
    other = await api.student()
    assert_problem(await other.get(f"/submissions/{submission}"), 404, "submission_not_found")


async def test_answering_requires_an_enrolment(api: Api, course: str) -> None:
    assert_problem(await (await api.student()).post(path(course), {"answers": RIGHT}), 403, "not_enrolled")


async def test_a_pass_that_a_crash_hid_is_found_on_the_next_look(
    services: Services, course: str, learner: Person
) -> None:
    """The answer was stored, but the process died before the enrolment recorded it."""
    await store_behind_the_service(services, course, learner)
    assert (await learner.get(f"/courses/{course}/progress")).json()["quizzes_passed"] == []
    assert len((await learner.get(path(course))).json()) == 1
    assert (await learner.get(f"/courses/{course}/progress")).json()["quizzes_passed"] == ["final"]


async def test_a_hidden_pass_is_found_when_attempts_run_out(
    api: Api, services: Services, learner: Person
) -> None:
    course = await api.course(await api.instructor(), quizzes=[{**QUIZ, "max_attempts": 1}])
    await learner.post(f"/courses/{course}/enrollments")
    await store_behind_the_service(services, course, learner)
    assert_problem(await learner.post(path(course), {"answers": RIGHT}), 409, "attempts_exhausted")
    assert (await learner.get(f"/courses/{course}/progress")).json()["quizzes_passed"] == ["final"]


async def store_behind_the_service(services: Services, course: str, learner: Person) -> None:
    authenticator = learner.client._transport.app.state.authenticator  # type: ignore[attr-defined]  # ASGITransport
    principal = await authenticator.principal({}, learner.access)
    quiz = await services.courses.quiz(await services.courses.visible(course, principal), "final")
    _, is_new = await services.submissions._store(principal, quiz, dict(RIGHT), None)
    assert is_new


async def test_what_was_acknowledged_is_read_again_a_minute_later(
    services: Services, course: str, learner: Person, telemetry: Captured, clock: FixedClock
) -> None:
    checks = partial(telemetry.value, "lms.submission.checks")
    assert (checks({"outcome": "stored"}), checks({"outcome": "missing"})) == (0, 0)
    await learner.post(path(course), {"answers": WRONG}, **{"Idempotency-Key": "a-key-of-mine"})
    await learner.post(path(course), {"answers": WRONG}, **{"Idempotency-Key": "a-key-of-mine"})
    assert await services.submissions.lost() is None
    assert checks({"outcome": "stored"}) == 0
    clock.advance(SETTLED)
    for _ in range(2):
        assert await services.submissions.lost() is None
    assert checks({"outcome": "stored"}) == 1


async def test_an_acknowledged_answer_that_is_gone_is_named(
    services: Services,
    settings: Settings,
    course: str,
    learner: Person,
    telemetry: Captured,
    clock: FixedClock,
) -> None:
    lost = (await learner.post(path(course), {"answers": WRONG})).json()["id"]
    await learner.post(path(course), {"answers": RIGHT})
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_url) as client:
        client.get_default_database()["submissions"].delete_one({"_id": lost})
    clock.advance(SETTLED)
    assert await services.submissions.lost() == f"The submission {lost} was acknowledged and is not stored."
    outcomes = [telemetry.value("lms.submission.checks", {"outcome": each}) for each in ("stored", "missing")]
    assert outcomes == [1, 1]


async def test_at_most_a_rounds_worth_of_answers_waits(
    services: Services, course: str, learner: Person, telemetry: Captured, clock: FixedClock
) -> None:
    stored = (await learner.post(path(course), {"answers": WRONG})).json()["id"]
    for _ in range(2 * MOST):
        services.submissions._acknowledged.add(stored)
    clock.advance(SETTLED)
    await services.submissions.lost()
    assert telemetry.value("lms.submission.checks", {"outcome": "stored"}) == MOST
