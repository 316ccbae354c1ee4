"""Who may call which endpoint: the whole route table, with each route that is added later."""

from __future__ import annotations

import re
from typing import Final

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.http.problems import MEDIA_TYPE
from tests.app.people import Api

OPEN: Final = {
    "POST /api/v1/users",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "GET /api/v1/courses",
    "GET /api/v1/courses/{course_id}",
    "GET /api/v1/certificates/{certificate_id}",
    "POST /api/v1/certificates/verification",
    "GET /api/v1/monitoring/health",
    "GET /api/v1/problems",
    "GET /.well-known/jwks.json",
    "GET /livez",
    "GET /readyz",
    "GET /startupz",
}
"""Operations that need no access token."""
SIGNED_IN: Final = {
    "POST /api/v1/auth/logout",
    "GET /api/v1/users/me",
    "GET /api/v1/courses/{course_id}/lessons/{lesson_id}",
    "GET /api/v1/courses/{course_id}/quizzes/{quiz_id}",
    "POST /api/v1/courses/{course_id}/enrollments",
    "DELETE /api/v1/courses/{course_id}/enrollments/me",
    "GET /api/v1/enrollments",
    "PUT /api/v1/courses/{course_id}/lessons/{lesson_id}/completion",
    "GET /api/v1/courses/{course_id}/progress",
    "POST /api/v1/courses/{course_id}/quizzes/{quiz_id}/submissions",
    "GET /api/v1/courses/{course_id}/quizzes/{quiz_id}/submissions",
    "GET /api/v1/submissions/{submission_id}",
}
"""Operations of every signed-in user."""
AUTHORS: Final = {
    "POST /api/v1/courses",
    "PATCH /api/v1/courses/{course_id}",
    "POST /api/v1/courses/{course_id}/publish",
    "POST /api/v1/courses/{course_id}/lessons",
    "PUT /api/v1/courses/{course_id}/lessons/{lesson_id}",
    "PUT /api/v1/courses/{course_id}/lesson-order",
    "POST /api/v1/courses/{course_id}/quizzes",
}
"""Operations of instructors and admins. Every other operation is for admins, also one that is added later."""


MACHINES: Final = {"POST /api/v1/monitoring/alerts/webhook"}
"""Operations that need a token of their own, which no person has."""
PEOPLE: Final = {
    "nobody": OPEN,
    "student": OPEN | SIGNED_IN,
    "instructor": OPEN | SIGNED_IN | AUTHORS,
}
"""What each of them may call."""


ALERTS: Final = {"Authorization": "Bearer alerts-token-of-the-tests"}


@pytest.fixture
def operations(api: Api) -> set[str]:
    """Every operation, from the route table itself: the API's description may leave some out."""
    found = iter_route_contexts(api.app.routes)
    return {
        f"{method} {route.path_format}"
        for route in found
        if isinstance(route.original_route, APIRoute)
        for method in route.methods or ()
    }


@pytest.fixture
async def headers(api: Api) -> dict[str, dict[str, str]]:
    """What each of the people sends."""
    signed = {"student": await api.student(), "instructor": await api.instructor()}
    tokens = {name: {"Authorization": f"Bearer {person.access}"} for name, person in signed.items()}
    return {"nobody": {}, **tokens}


async def test_the_lists_name_operations_that_exist(operations: set[str]) -> None:
    assert PEOPLE["instructor"] - operations == set()


async def test_the_monitoring_api_is_for_admins(operations: set[str]) -> None:
    monitoring = {operation for operation in operations if "/api/v1/monitoring" in operation}
    assert monitoring & PEOPLE["instructor"] == {"GET /api/v1/monitoring/health"}
    assert len(monitoring) > 3


async def test_no_one_else_may_call_what_is_not_theirs(
    api: Api, operations: set[str], headers: dict[str, dict[str, str]]
) -> None:
    for person, theirs in PEOPLE.items():
        for operation in sorted(operations - theirs):
            method, template = operation.split()
            path = re.sub(r"\{[^}]+\}", "anything", template)
            for query in ("", "?bogus=1"):  # what an operation takes is not theirs to learn, either
                url = f"http://lms.test{path}{query}"
                answer = await api.client.request(method, url, headers=headers[person])
                allowed = {401} if person == "nobody" else {403}
                assert answer.status_code in allowed, f"{person}: {operation} gave {answer.status_code}"
                assert answer.headers["content-type"] == MEDIA_TYPE


async def test_what_is_for_a_machine_is_for_no_admin(api: Api, operations: set[str]) -> None:
    assert operations >= MACHINES
    admin = await api.admin()
    for operation in sorted(MACHINES):
        method, path = operation.split()
        for query in ("", "?bogus=1"):
            answer = await admin.send(method, f"http://lms.test{path}{query}")
            assert answer.status_code == 403, operation
        assert (await api.client.request(method, f"http://lms.test{path}", headers=ALERTS)).status_code == 422


async def test_the_monitoring_api_refuses_unknown_parameters(api: Api, operations: set[str]) -> None:
    admin = await api.admin()
    for operation in sorted(each for each in operations if "/api/v1/monitoring" in each):
        method, template = operation.split()
        path = re.sub(r"\{[^}]+\}", "anything", template)
        token = ALERTS["Authorization"] if operation in MACHINES else f"Bearer {admin.access}"
        answer = await admin.send(method, f"http://lms.test{path}?bogus=1", Authorization=token)
        assert answer.status_code == 422, f"{operation} gave {answer.status_code}"
        assert [each["field"] for each in answer.json()["errors"]] == ["query.bogus"], operation


async def test_the_metrics_token_reads_all_but_what_is_for_admins_by_name(
    api: Api, operations: set[str]
) -> None:
    refused = set()
    for operation in sorted(each for each in operations if "/api/v1/monitoring" in each):
        method, template = operation.split()
        path = re.sub(r"\{[^}]+\}", "anything", template)
        headers = {"Authorization": "Bearer metrics-token-of-the-tests"}
        answer = await api.client.request(method, f"http://lms.test{path}", headers=headers)
        assert answer.status_code != 401, operation
        if answer.status_code == 403:
            refused.add(operation.replace("/api/v1/monitoring", ""))
    reads = {each for each in refused if each.startswith("GET ")}
    assert reads == {"GET /audit", "GET /log-levels", "GET /limits/{scope}/{key}"}
    changes = {each for each in operations if "/api/v1/monitoring" in each and not each.startswith("GET ")}
    assert refused - reads == {each.replace("/api/v1/monitoring", "") for each in changes}


async def test_a_forged_token_opens_nothing(api: Api, operations: set[str]) -> None:
    forged = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSIsInJvbGUiOiJhZG1pbiJ9."}
    for operation in sorted(operations - OPEN):
        method, template = operation.split()
        path = re.sub(r"\{[^}]+\}", "anything", template)
        answer = await api.client.request(method, f"http://lms.test{path}", headers=forged)
        assert answer.status_code == 401, operation
