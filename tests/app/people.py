"""People and courses for tests, made through the HTTP API as real ones are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import httpx
from fastapi import FastAPI

ADMIN_EMAIL: Final = "admin@example.org"
ADMIN_PASSWORD: Final = "an admin password of the tests"
PASSWORD: Final = "correct horse battery"

LESSON: Final = {"title": "Spans", "content": "A span is one operation.", "minutes": 15}
QUIZ: Final = {
    "title": "Final",
    "questions": [
        {"text": "What has a parent?", "choices": ["A span", "A metric"], "correct": 0},
        {"text": "What is cumulative?", "choices": ["A log", "A trace", "A counter"], "correct": 2},
    ],
    "pass_score": 1.0,
    "max_attempts": 3,
}
RIGHT: Final = {"q1": 0, "q2": 2}
WRONG: Final = {"q1": 1, "q2": 2}


@dataclass
class Person:
    """A signed-in user and the requests that they send."""

    client: httpx.AsyncClient
    id: str
    email: str
    access: str
    refresh: str

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Sends a request in this person's name."""
        signed = {"Authorization": f"Bearer {self.access}", **headers}
        return await self.client.request(method, path, json=body, headers=signed)

    async def get(self, path: str) -> httpx.Response:
        return await self.send("GET", path)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return await self.send("POST", path, body, **headers)

    async def put(self, path: str, body: object = None) -> httpx.Response:
        return await self.send("PUT", path, body)


class Api:
    """The HTTP API, with shortcuts to the people that tests need."""

    def __init__(self, client: httpx.AsyncClient, app: FastAPI) -> None:
        self.client = client
        self.app = app
        self._numbers = count(1)

    async def login(self, email: str, password: str = PASSWORD) -> Person:
        """Signs in."""
        answer = await self.client.post("/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        signed = {"Authorization": f"Bearer {tokens['access_token']}"}
        me = (await self.client.get("/users/me", headers=signed)).json()
        return Person(self.client, me["id"], email, tokens["access_token"], tokens["refresh_token"])

    async def admin(self) -> Person:
        """Signs the first admin in."""
        return await self.login(ADMIN_EMAIL, ADMIN_PASSWORD)

    async def student(self, name: str = "Ada Lovelace") -> Person:
        """Registers a new student and signs them in."""
        email = f"person{next(self._numbers)}@example.org"
        body = {"email": email, "password": PASSWORD, "name": name}
        answer = await self.client.post("/users", json=body)
        assert answer.status_code == 201, answer.text
        return await self.login(email)

    async def instructor(self) -> Person:
        """Registers a new instructor and signs them in."""
        student, admin = await self.student("Grace Hopper"), await self.admin()
        answer = await admin.send("PATCH", f"/users/{student.id}/role", {"role": "instructor"})
        assert answer.status_code == 200, answer.text
        return await self.login(student.email)

    async def course(self, author: Person, *, published: bool = True, **changes: Any) -> str:  # noqa: ANN401 - JSON
        """Creates a course with one lesson and one quiz, and returns its identifier."""
        body = {
            "title": f"Course {next(self._numbers)}",
            "description": "From the first span to the whole picture.",
            "capacity": 10,
            "lessons": [LESSON],
            "quizzes": [QUIZ],
            **changes,
        }
        answer = await author.post("/courses", body)
        assert answer.status_code == 201, answer.text
        course_id: str = answer.json()["id"]
        if published:
            assert (await author.post(f"/courses/{course_id}/publish")).status_code == 200
        return course_id
