"""Performs one simulated learner's steps over the platform's HTTP API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from stack.demo.catalogue import API, courses
from stack.demo.plan import Action, Learner, Step
from stack.demo.tally import Outcome, Tally

# The refusals that the plan expects: a full course, a quiz without attempts left, no demo mode...
REFUSALS: Final[Mapping[Action, int]] = {
    Action.BAD_LOGIN: HTTPStatus.UNAUTHORIZED,
    Action.MISSING: HTTPStatus.NOT_FOUND,
    Action.ENROLL: HTTPStatus.CONFLICT,
    Action.SUBMIT: HTTPStatus.CONFLICT,
    Action.TRANSCRIPT: HTTPStatus.NOT_FOUND,
}
NEVER_DONE: Final = frozenset({Action.BAD_LOGIN, Action.MISSING})
NAMES: Final = (
    "Ada Lovelace",
    "Grace Hopper",
    "Katherine Johnson",
    "Alan Turing",
    "Mary Jackson",
    "Karl Benz",
)
IN_A_COURSE: Final = frozenset(
    {Action.ENROLL, Action.READ, Action.COMPLETE, Action.QUIZ, Action.PROGRESS, Action.WITHDRAW}
)
SIGNED_IN: Final = frozenset({Action.TRANSCRIPT, Action.LOGOUT})
_EXCERPT: Final = 200

Request = tuple[str, str, dict[str, Any] | None]


class Student:
    """A learner who remembers what the platform has answered. Every account gets its own password."""

    def __init__(self, client: httpx.AsyncClient, learner: Learner, tally: Tally) -> None:
        """Takes a client with the platform's address, the learner's plan, and the tally to count in."""
        self._client = client
        self._tally = tally
        self.email = f"learner-{learner.number}-{secrets.token_hex(4)}@lms.example"
        self.name = NAMES[learner.number % len(NAMES)]
        self.password = secrets.token_urlsafe(12)
        self.token: str | None = None
        self.courses: dict[str, Any] = {}
        self.quizzes: dict[tuple[str, int], Any] = {}
        self.certificate: str | None = None
        self._closed: set[str] = set()

    async def do(self, step: Step) -> None:
        """Sends the step's request and counts it, unless an earlier answer has made it pointless."""
        if not self._possible(step):
            return
        method, path, body = REQUESTS[step.action](self, step)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        started = time.perf_counter()
        try:
            response = await self._client.request(method, f"{API}{path}", json=body, headers=headers)
        except httpx.TransportError as error:
            answer = f"{step.action}: {type(error).__name__}"
            self._tally.add(step.action, Outcome.WRONG, time.perf_counter() - started, answer)
            return
        outcome = judge(step.action, response.status_code)
        answer = f"{step.action}: {response.status_code} {response.text[:_EXCERPT]}"
        self._tally.add(step.action, outcome, time.perf_counter() - started, answer)
        self._remember(step, response)

    def _possible(self, step: Step) -> bool:
        if step.course in self._closed:
            return False
        if step.action is Action.CERTIFICATE:
            return self.certificate is not None
        if step.action is Action.SUBMIT:
            return (step.course, step.number) in self.quizzes
        if step.action in IN_A_COURSE:
            return self.token is not None and step.course in self.courses
        return self.token is not None or step.action not in SIGNED_IN

    def _remember(self, step: Step, response: httpx.Response) -> None:
        """Keeps what later steps need from an answer."""
        if not response.is_success:
            self._closed |= {step.course} if step.action is Action.ENROLL else set()
            return
        if step.action is Action.LOGIN:
            self.token = response.json()["access_token"]
        elif step.action is Action.LOGOUT:
            self.token = None
        elif step.action is Action.VIEW:
            self.courses[step.course] = response.json()
        elif step.action is Action.QUIZ:
            self.quizzes[step.course, step.number] = response.json()
        elif step.action is Action.PROGRESS:
            self.certificate = response.json()["certificate_id"]


def judge(action: Action, status: int) -> Outcome:
    """Returns how a request ended, by its HTTP status."""
    if httpx.codes.is_success(status):
        return Outcome.WRONG if action in NEVER_DONE else Outcome.DONE
    if status in {REFUSALS.get(action), HTTPStatus.TOO_MANY_REQUESTS}:
        return Outcome.REFUSED
    planned = action is Action.TRANSCRIPT and status == HTTPStatus.INTERNAL_SERVER_ERROR
    return Outcome.FAILED if planned else Outcome.WRONG


def answers(quiz: Mapping[str, Any], step: Step) -> dict[str, int]:
    """Returns an answer to every question of a quiz: all right, or all wrong.

    The platform does not show the right answers; they come from the demo catalogue.
    """
    [course] = [course for course in courses() if course.slug == step.course]
    questions = zip(quiz["questions"], course.quizzes[step.number].questions, strict=True)
    return {
        shown["id"]: known.right if step.right else (known.right + 1) % len(known.choices)
        for shown, known in questions
    }


def _login(password: str) -> Callable[[Student, Step], Request]:
    return lambda student, _: (
        "POST",
        "/auth/login",
        {"email": student.email, "password": student.password + password},
    )


def _simple(method: str, path: str) -> Callable[[Student, Step], Request]:
    return lambda student, step: (
        method,
        path.format(course=step.course, certificate=student.certificate),
        None,
    )


def _lesson(method: str, suffix: str) -> Callable[[Student, Step], Request]:
    return lambda student, step: (
        method,
        f"/courses/{step.course}/lessons/{_id(student, step, 'lessons')}{suffix}",
        None,
    )


def _register(student: Student, _: Step) -> Request:
    return "POST", "/users", {"email": student.email, "password": student.password, "name": student.name}


def _quiz(student: Student, step: Step) -> Request:
    return "GET", f"/courses/{step.course}/quizzes/{_id(student, step, 'quizzes')}", None


def _submit(student: Student, step: Step) -> Request:
    quiz = student.quizzes[step.course, step.number]
    path = f"/courses/{step.course}/quizzes/{quiz['id']}/submissions"
    return "POST", path, {"answers": answers(quiz, step)}


def _id(student: Student, step: Step, kind: str) -> str:
    found: str = student.courses[step.course][kind][step.number]["id"]
    return found


REQUESTS: Final[Mapping[Action, Callable[[Student, Step], Request]]] = {
    Action.REGISTER: _register,
    Action.LOGIN: _login(""),
    Action.BAD_LOGIN: _login(", or was it another one?"),
    Action.BROWSE: _simple("GET", "/courses"),
    Action.MISSING: _simple("GET", "/courses/{course}"),
    Action.VIEW: _simple("GET", "/courses/{course}"),
    Action.ENROLL: _simple("POST", "/courses/{course}/enrollments"),
    Action.READ: _lesson("GET", ""),
    Action.COMPLETE: _lesson("PUT", "/completion"),
    Action.QUIZ: _quiz,
    Action.SUBMIT: _submit,
    Action.PROGRESS: _simple("GET", "/courses/{course}/progress"),
    Action.CERTIFICATE: _simple("GET", "/certificates/{certificate}"),
    Action.TRANSCRIPT: _simple("POST", "/demo/transcripts"),
    Action.WITHDRAW: _simple("DELETE", "/courses/{course}/enrollments/me"),
    Action.LOGOUT: _simple("POST", "/auth/logout"),
}
