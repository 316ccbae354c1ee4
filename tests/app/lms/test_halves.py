"""Each write of each operation fails once: nobody sees half a change, and a retry completes it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import httpx
import pytest

from app.core.settings import Settings
from app.lms import services
from tests.app.faults import FaultyDatabase
from tests.app.fixed_clock import FixedClock
from tests.app.people import LESSON, QUIZ, RIGHT, Api, Person

NEW: Final = {"title": "New", "content": "New words.", "minutes": 45}


@dataclass(frozen=True)
class Scene:
    """Who does something to which course."""

    author: Person
    learner: Person
    admin: Person
    course: str

    @property
    def path(self) -> str:
        return f"/courses/{self.course}"


Act = Callable[[Scene], Awaitable[Any]]


async def create(scene: Scene) -> httpx.Response:
    body = {"title": scene.course, "description": "", "capacity": 3}
    return await scene.author.post("/courses", {**body, "lessons": [LESSON, LESSON], "quizzes": [QUIZ]})


async def publish(scene: Scene) -> httpx.Response:
    return await scene.author.post(f"{scene.path}/publish")


async def enroll(scene: Scene) -> httpx.Response:
    return await scene.learner.post(f"{scene.path}/enrollments")


async def withdraw(scene: Scene) -> httpx.Response:
    return await scene.learner.send("DELETE", f"{scene.path}/enrollments/me")


async def complete(scene: Scene, lesson: str = "spans") -> httpx.Response:
    return await scene.learner.put(f"{scene.path}/lessons/{lesson}/completion")


async def submit(scene: Scene) -> httpx.Response:
    key = {"Idempotency-Key": "once"}
    return await scene.learner.post(f"{scene.path}/quizzes/final/submissions", {"answers": RIGHT}, **key)


async def appoint(scene: Scene) -> httpx.Response:
    return await scene.admin.send("PATCH", f"/users/{scene.learner.id}/role", {"role": "admin"})


async def dismiss(scene: Scene) -> httpx.Response:
    return await scene.admin.send("PATCH", f"/users/{scene.learner.id}/role", {"role": "student"})


async def all_of(scene: Scene, *acts: Act) -> None:
    for act in acts:
        await act(scene)


async def outline(scene: Scene) -> object:
    """What an author sees of the course, and what the catalogue shows."""
    course = (await scene.author.get(scene.path)).json()
    listed = (await scene.author.get("/courses?limit=100")).json()["items"]
    lessons = [f"lessons/{each['id']}" for each in course.get("lessons", [])]
    quizzes = [f"quizzes/{each['id']}" for each in course.get("quizzes", [])]
    contents = [(await scene.author.get(f"{scene.path}/{each}")).json() for each in (*lessons, *quizzes)]
    return course.get("state"), contents, [item["id"] for item in listed if item["id"] == scene.course]


async def progress(scene: Scene) -> object:
    """What the learner sees of the course."""
    mine = [
        each for each in (await scene.learner.get("/enrollments")).json() if each["course_id"] == scene.course
    ]
    seen = (await scene.learner.get(f"{scene.path}/progress")).json()
    seen["certificate_id"] = bool(seen.get("certificate_id"))
    attempts = (await scene.learner.get(f"{scene.path}/quizzes/final/submissions")).json()
    return [each["state"] for each in mine], seen.get("percent"), seen["certificate_id"], len(attempts)


async def role(scene: Scene) -> object:
    """The learner's role at the next login."""
    users = scene.learner.client  # the login is the same for everybody
    body = {"email": scene.learner.email, "password": "correct horse battery"}
    signed = {
        "Authorization": f"Bearer {(await users.post('/auth/login', json=body)).json()['access_token']}"
    }
    return (await users.get("/users/me", headers=signed)).json()["role"]


@dataclass(frozen=True)
class Change:
    """A request that writes, what happens before it, and what people see.

    ``whole`` means that nobody ever sees something between before and after. ``repeatable`` means that a
    request whose answer was lost may be sent again; for others there is no way to know.
    """

    act: Act
    look: Act
    before: tuple[Act, ...] = ()
    whole: bool = True
    repeatable: bool = True


STUDYING: Final = (create, publish, enroll, lambda scene: complete(scene, "spans-2"))
CHANGES: Final = {
    "create": Change(create, outline),
    "publish": Change(publish, outline, (create,)),
    "add a lesson": Change(
        lambda scene: scene.author.post(f"{scene.path}/lessons", {**NEW, "position": 1}),
        outline,
        (create,),
        repeatable=False,
    ),
    "replace a lesson": Change(
        lambda scene: scene.author.put(f"{scene.path}/lessons/spans", NEW), outline, (create,)
    ),
    "add a quiz": Change(
        lambda scene: scene.author.post(f"{scene.path}/quizzes", QUIZ), outline, (create,), repeatable=False
    ),
    "enroll": Change(enroll, progress, (create, publish)),
    "withdraw": Change(withdraw, progress, STUDYING),
    "come back": Change(enroll, progress, (*STUDYING, withdraw)),
    "complete": Change(complete, progress, (*STUDYING, submit), whole=False),
    "submit": Change(submit, progress, (*STUDYING, complete), whole=False),
    "appoint": Change(appoint, role),
    "dismiss": Change(dismiss, role, (appoint,)),
}


@pytest.fixture
async def database(api: Api, settings: Settings, clock: FixedClock) -> AsyncIterator[FaultyDatabase]:
    """The database of the API under test, which may fail."""
    database = FaultyDatabase(settings.mongodb_url, seconds=20)
    resources = replace(api.app.state.resources, database=database)
    api.app.state.services = services.build_services(settings, resources, clock)
    yield database
    database.close()


@pytest.mark.parametrize("done", [False, True], ids=["not-done", "answer-lost"])
@pytest.mark.parametrize("name", CHANGES)
async def test_each_write_may_fail(name: str, done: bool, api: Api, database: FaultyDatabase) -> None:  # noqa: FBT001 - a parameter of the test
    change = CHANGES[name]
    first = Scene(await api.instructor(), await api.student(), await api.admin(), "course-0")

    async def seen(scene: Scene) -> str:
        return json.dumps(await change.look(scene)).replace(scene.course, "course")

    await all_of(first, *change.before)
    before = await seen(first)
    assert (await change.act(first)).is_success
    after = await seen(first)
    assert before != after
    for nth in count(1):
        scene = replace(first, course=f"course-{nth}", learner=await api.student())
        await all_of(scene, *change.before)
        database.fail(nth, done=done)
        answer = await change.act(scene)
        if not database.failed:
            assert nth > 1
            break
        # What only counts, and what only tidies up, may fail unnoticed.
        assert answer.status_code == 503 or answer.is_success
        between = await seen(scene)
        assert between in {before, after} or not change.whole
        if answer.is_success:
            assert between == after
        if done and not change.repeatable:
            continue
        again = await change.act(scene)
        assert again.is_success or (again.status_code == 409 and between == after)
        assert await seen(scene) == after or (answer.is_success and not change.repeatable)
