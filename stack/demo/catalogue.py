"""Reads the demo catalogue from courses.yaml and creates it on a platform over its HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from stack.environment import Environment

SOURCE: Final = Path(__file__).with_name("courses.yaml")
API: Final = "/api/v1"
TIMEOUT: Final = 10.0
_EXCERPT: Final = 200


class DemoError(Exception):
    """The demo cannot continue; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question; ``right`` is the index of the right choice, from 0."""

    text: str
    choices: tuple[str, ...]
    right: int


@dataclass(frozen=True, slots=True)
class Quiz:
    """A quiz; the platform numbers its questions q1, q2 and so on."""

    title: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """A course of the catalogue; ``lessons`` are their titles in order."""

    slug: str
    title: str
    description: str
    capacity: int
    lessons: tuple[str, ...]
    quizzes: tuple[Quiz, ...]

    def body(self) -> dict[str, Any]:
        """Returns the request body that creates the course."""
        return {
            "slug": self.slug,
            "title": self.title,
            "description": self.description,
            "capacity": self.capacity,
            "lessons": [
                {"title": lesson, "content": f"{lesson}: {self.description}", "minutes": 10}
                for lesson in self.lessons
            ],
            "quizzes": [
                {
                    "title": quiz.title,
                    "questions": [
                        {"text": each.text, "choices": list(each.choices), "correct": each.right}
                        for each in quiz.questions
                    ],
                }
                for quiz in self.quizzes
            ],
        }


@cache
def courses() -> tuple[Course, ...]:
    """Returns the courses of the demo catalogue, in the order of the file."""
    return tuple(_course(entry) for entry in yaml.safe_load(SOURCE.read_text(encoding="utf-8")))


def _course(entry: dict[str, Any]) -> Course:
    quizzes = tuple(_quiz(quiz) for quiz in entry.pop("quizzes"))
    return Course(lessons=tuple(entry.pop("lessons")), quizzes=quizzes, **entry)


def _quiz(entry: dict[str, Any]) -> Quiz:
    questions = (Question(each["text"], tuple(each["choices"]), each["right"]) for each in entry["questions"])
    return Quiz(entry["title"], tuple(questions))


def unreachable(url: str, error: httpx.TransportError) -> str:
    """Returns what to do about a platform that does not answer."""
    return f"No platform answers at {url} ({type(error).__name__}): start it with `make up`."


def load_own(environment: Environment) -> str:
    """Creates what the platform of this stack lacks, as `load`, with the admin's own password."""
    app = environment.app
    url = f"http://127.0.0.1:{app.port}"
    return load(url, app.admin_email, app.admin_password.get_secret_value())


def load(url: str, email: str, password: str) -> str:
    """Creates what the platform at this address lacks, as `fill`; returns a sentence with how much that was.

    Raises:
        DemoError: the platform does not answer, or refuses; the message includes its reason.
    """
    try:
        # Without trust_env the demo reaches its own platform directly, not through the machine's proxy.
        with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as client:
            made = fill(client, email, password)
    except httpx.TransportError as error:
        raise DemoError(unreachable(url, error)) from error
    return f"Demo catalogue: {made} courses created, {len(courses()) - made} already there."


def fill(client: httpx.Client, email: str, password: str) -> int:
    """Creates and publishes the courses that the platform lacks; returns how many. Idempotent.

    Args:
        client: has the platform's address.
        email: of an admin or instructor.
        password: of the same.

    Raises:
        DemoError: the platform refuses; the message includes its reason.
    """
    login = client.post(f"{API}/auth/login", json={"email": email, "password": password})
    if login.status_code == HTTPStatus.UNAUTHORIZED:
        raise DemoError(
            f"The platform refuses {email}: LMS_ADMIN_PASSWORD is used only once, when the admin is created. "
            "Give the current password, or start with empty data (`make clean`)."
        )
    headers = {"Authorization": f"Bearer {_accepted(login).json()['access_token']}"}
    return sum(_ensure(client, headers, course) for course in courses())


def _ensure(client: httpx.Client, headers: dict[str, str], course: Course) -> bool:
    created = client.post(f"{API}/courses", json=course.body(), headers=headers)
    if created.status_code != HTTPStatus.CONFLICT:
        _accepted(created)
    _accepted(client.post(f"{API}/courses/{course.slug}/publish", headers=headers))
    return created.status_code == HTTPStatus.CREATED


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    request = response.request
    raise DemoError(
        f"{request.method} {request.url.path} answered {response.status_code}: {response.text[:_EXCERPT]}"
    )
