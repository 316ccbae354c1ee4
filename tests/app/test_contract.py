"""The whole API against its own description: no server error, no undocumented status, header or body."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD, LESSON, PASSWORD, QUIZ
from tests.app.served import METRICS_TOKEN, served_platform

EXAMPLES: Final = 8
CHECKED: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
COURSE: Final = {
    "title": "Tracing basics",
    "description": "From the first span to the whole picture.",
    "capacity": 100,
    "lessons": [LESSON],
    "quizzes": [QUIZ],
}
PEOPLE: Final = ("nobody", "student", "instructor", "admin", "metrics token")


class Platform:
    """A served platform with one account of each role and a course as in the examples."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=60, trust_env=False)
        self._register("student")
        self._register("instructor")
        instructor = self.signed_in("instructor")
        created = self._client.post("/courses", json=COURSE, headers=instructor)
        assert created.status_code == 201, created.text
        published = self._client.post(f"/courses/{created.json()['id']}/publish", headers=instructor)
        assert published.status_code == 200, published.text

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _register(self, role: str) -> None:
        account = {"email": f"{role}@example.org", "password": PASSWORD, "name": role}
        created = self._client.post("/users", json=account)
        assert created.status_code == 201, created.text
        if role != "student":
            path = f"/users/{created.json()['id']}/role"
            changed = self._client.patch(path, json={"role": role}, headers=self.signed_in("admin"))
            assert changed.status_code == 200, changed.text

    def signed_in(self, person: str) -> dict[str, str]:
        """Returns the headers of a fresh session, because a request may end the session that sent it."""
        if person == "nobody":
            return {}
        if person == "metrics token":
            return {"Authorization": f"Bearer {METRICS_TOKEN}"}
        account = {"email": f"{person}@example.org", "password": PASSWORD}
        if person == "admin":
            account = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        answer = self._client.post("/auth/login", json=account)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, mongodb_url: str, redis_url: str
) -> Iterator[Platform]:
    """The platform with every endpoint, `metrics` too."""
    environment = {
        "OTEL_METRICS_EXPORTER": "prometheus",
        "LMS_ARGON2_MEMORY_KIB": "7168",
        "LMS_ARGON2_TIME_COST": "2",
    }
    folder = tmp_path_factory.mktemp("contract")
    with served_platform(folder, mongodb_url, redis_url, environment) as (_, url, _log):
        platform = Platform(url)
        yield platform
        platform.close()


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: f"{mode.value} data")
def test_answers_are_as_described(platform: Platform, person: str, mode: GenerationMode) -> None:
    description = httpx.get(f"{platform.url}/openapi.json", trust_env=False).json()
    schema = schemathesis.openapi.from_dict(description)
    schema.config.update(base_url=platform.url)
    failures: list[str] = []
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        sent, failed = _answered(operation, mode, platform.signed_in(person))
        tried += sent
        failures += [f"{operation.label}: {failure!r}" for failure in failed]
    assert not failures, "\n\n".join(failures)
    assert tried > EXAMPLES * 10


def _answered(
    operation: Any,  # noqa: ANN401 - it has no public type
    mode: GenerationMode,
    headers: dict[str, str],
) -> tuple[int, list[BaseException]]:
    """Sends requests of one operation and checks the answers; returns how many, and what failed.

    A failure is kept instead of raised: Hypothesis would send the request again and, where the second answer
    is right, report that the test is unreliable instead of what the first answer was.
    """
    sent = 0
    failed: list[BaseException] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,  # a busy machine is no fault of the API
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def answer(case: Any) -> None:  # noqa: ANN401 - likewise
        nonlocal sent
        sent += 1
        with requests.Session() as session:
            session.trust_env = False
            try:
                case.call_and_validate(headers=headers, checks=CHECKED, timeout=60, session=session)
            except (requests.RequestException, FailureGroup) as failure:
                failed.append(failure)

    with suppress(Unsatisfiable):  # an operation without parameters has no wrong ones
        answer()
    return sent, failed
