"""People who use the running platform over HTTP."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import httpx

from stack.native.native_stack import NativeStack


@dataclass
class Person:
    """A signed-in user of the running platform."""

    client: httpx.Client
    id: str
    email: str

    def post(self, path: str, body: object = None, request_id: str | None = None) -> httpx.Response:
        """Sends a POST as this person."""
        headers = {"X-Request-ID": request_id} if request_id else {}
        return self.client.post(path, json=body, headers=headers)


class Platform:
    """The running platform's HTTP API."""

    def __init__(self, stack: NativeStack) -> None:
        self._stack = stack
        self._clients: list[httpx.Client] = []

    def close(self) -> None:
        """Closes the connections."""
        for client in self._clients:
            client.close()

    def description(self) -> str:
        """Returns the platform's description of its API, as JSON."""
        return _good(self.anonymous().get(f"{self._stack.url('app')}/openapi.json")).text

    def anonymous(self) -> httpx.Client:
        """Returns a client that is not signed in."""
        client = httpx.Client(base_url=f"{self._stack.url('app')}/api/v1", timeout=20.0)
        self._clients.append(client)
        return client

    def admin(self) -> Person:
        """Signs in the first admin."""
        app = self._stack.environment.app
        return self.login(app.admin_email, app.admin_password.get_secret_value())

    def student(self) -> Person:
        """Registers a new student and signs them in."""
        return self.register(f"{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16))

    def register(self, mail: str, password: str) -> Person:
        """Registers a student with this address and password and signs them in."""
        body = {"email": mail, "password": password, "name": "Katherine Johnson"}
        _good(self.anonymous().post("/users", json=body))
        return self.login(mail, password)

    def login(self, email: str, password: str) -> Person:
        """Signs in an existing user."""
        client = self.anonymous()
        tokens = _good(client.post("/auth/login", json={"email": email, "password": password})).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return Person(client, _good(client.get("/users/me")).json()["id"], email)

    def course(self, title: str, author: Person | None = None) -> str:
        """Creates and publishes a course with one lesson, as the admin by default; returns its id."""
        author = author or self.admin()
        lesson = {"title": "Spans", "content": "A span is one operation.", "minutes": 5}
        body = {"title": title, "description": "", "capacity": 20, "lessons": [lesson]}
        course_id: str = _good(author.post("/courses", body)).json()["id"]
        _good(author.post(f"/courses/{course_id}/publish"))
        return course_id


def _good(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer
