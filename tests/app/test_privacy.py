"""A learner's whole journey through the platform: nothing in its telemetry identifies the learner."""

from __future__ import annotations

import json

from otel.testing import Captured
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, RIGHT, WRONG, Api
from tests.app.seating import enroll, leave

NAME = "Wilhelmina Featherstonehaugh"


async def journey(api: Api) -> list[str]:
    """Registers, fails, learns, completes, is certified; returns what must not appear in telemetry."""
    course, other = [await api.course(await api.instructor()) for _ in range(2)]
    await api.client.post("/users", json={"email": "not a mail address", "password": PASSWORD, "name": NAME})
    learner = await api.student(NAME)
    await api.client.post("/users", json={"email": learner.email, "password": PASSWORD, "name": NAME})
    await api.client.post("/auth/login", json={"email": learner.email, "password": "wrong " + PASSWORD})
    await enroll(learner, other)
    await leave(learner, other)
    await enroll(learner, course)
    for answers in (WRONG, RIGHT):
        await learner.post(f"/courses/{course}/quizzes/final/submissions", {"answers": answers})
    progress = await learner.put(f"/courses/{course}/lessons/spans/completion")
    certificate = progress.json()["certificate_id"]
    statement = await api.client.get(f"/certificates/{certificate}")
    assert NAME in statement.text
    refreshed = await api.client.post("/auth/refresh", json={"refresh_token": learner.refresh})
    tokens = refreshed.json()
    await api.client.get("/users/me", headers={"Authorization": f"Bearer {learner.access}x"})
    return [learner.email, learner.access, learner.refresh, tokens["access_token"], tokens["refresh_token"]]


async def test_nothing_tells_who_a_learner_is(api: Api, telemetry: Captured) -> None:
    unknown = [*await journey(api), NAME, PASSWORD, ADMIN_EMAIL, ADMIN_PASSWORD]

    spans, records = map(repr, telemetry.spans), map(repr, telemetry.logs)
    shown = telemetry.telemetry.prometheus_text().decode()
    left = "\n".join([*spans, *records, *telemetry.lines, json.dumps(telemetry.errors, default=repr), shown])
    assert "course_completed" in left
    assert [text for text in unknown if text in left] == []
