"""Breadcrumbs in an error report: what the learner had done before the failure."""

from __future__ import annotations

import asyncio

from app.core.security import Principal, Role
from app.lms.services import Services
from app.lms.users.schemas import Credentials
from otel.testing import Captured
from tests.app.people import PASSWORD, RIGHT, Api


class Broken(Exception):  # noqa: N818 - the name that the report must show
    """Raised on purpose, after all steps."""


async def test_an_error_report_has_the_steps_before_the_error(
    api: Api, services: Services, telemetry: Captured
) -> None:
    # Steps end with their request, so one request must take them all: a route of this test does.
    course_id = await api.course(await api.instructor())
    learner = await api.student()
    principal = Principal(learner.id, Role.STUDENT, role_version=0, family="fam_test")

    @api.app.post("/study")
    async def study() -> None:
        login = Credentials.model_validate({"email": learner.email, "password": PASSWORD})
        await services.users.login(login, asyncio.Event())
        await services.enrollments.enroll(principal, course_id)
        await services.submissions.submit(principal, course_id, "final", RIGHT)
        raise Broken

    answer = await api.client.post("http://lms.test/study")
    assert answer.status_code == 500

    [event] = telemetry.errors
    assert event["exception"]["values"][0]["type"] == "Broken"
    steps = [step for step in event["breadcrumbs"]["values"] if step["category"] == "lms"]
    assert [(step["message"], step["data"]) for step in steps] == [
        ("lms.login", {"role": "student"}),
        ("lms.enrolled", {"course_id": course_id}),
        ("lms.submitted", {"quiz_id": "final", "attempt": 1}),
    ]
