"""Learners who use the running platform at a steady rate, remember what it acknowledged, and compare."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx
import pymongo

from stack.native.native_stack import NativeStack
from stack.native.plan import DATABASE
from tests.programs import wait_until
from tests.stack.running.learner import Person, Platform

PER_SECOND: Final = 20
_LEARNERS: Final = 12
_COURSES: Final = 20
_ACCEPTED: Final = {HTTPStatus.OK, HTTPStatus.CREATED}


@dataclass
class Seen:
    """What the learners saw: how often each status came, the slowest answer, and the acknowledged enrolments.

    A lost connection counts as status 0: the learner was not told whether the platform did it.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    enrolled: set[tuple[int, str]] = field(default_factory=set)


class Crowd:
    """A dozen learners and twenty courses: enough pairs for a minute of new enrolments."""

    def __init__(self, stack: NativeStack, platform: Platform) -> None:
        self._stack = stack
        self._people = [platform.student() for _ in range(_LEARNERS)]
        author = platform.admin()
        self._courses = [platform.course(f"Crowded {number}", author) for number in range(_COURSES)]
        self._pairs = itertools.cycle(itertools.product(self._courses, range(_LEARNERS)))
        self._lock = threading.Lock()
        self.seen = Seen()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Sends twenty requests a second while the block runs, however long an answer takes."""
        stop = threading.Event()
        with ThreadPoolExecutor(max_workers=8 * PER_SECOND) as pool:
            ticking = threading.Thread(target=self._tick, args=(pool, stop))
            ticking.start()
            try:
                yield
            finally:
                stop.set()
                ticking.join()

    def wait_for_an_enrolment(self) -> None:
        """Waits until the platform acknowledges one more."""
        before = len(self.seen.enrolled)
        wait_until(lambda: len(self.seen.enrolled) > before, "an enrolment is acknowledged")

    def _tick(self, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        for number in itertools.count():
            if stop.wait(1 / PER_SECOND):
                return
            pool.submit(self._one, number)

    def _one(self, number: int) -> None:
        """Sends one request: every fourth one enrols somebody, the others read."""
        if number % 4 == 0:
            with self._lock:
                course, learner = next(self._pairs)
            if self._send(learner, "POST", f"/courses/{course}/enrollments") in _ACCEPTED:
                with self._lock:
                    self.seen.enrolled.add((learner, course))
            return
        learner, course = number % _LEARNERS, self._courses[number % _COURSES]
        self._send(learner, "GET", ("/enrollments", "/courses", f"/courses/{course}")[number % 3])

    def _send(self, learner: int, method: str, path: str) -> int:
        client, started = self._people[learner].client, time.perf_counter()
        try:
            status = client.request(method, path).status_code
        except httpx.TransportError:
            status = 0
        with self._lock:
            self.seen.statuses[status] += 1
            if status:
                self.seen.slowest = max(self.seen.slowest, time.perf_counter() - started)
        return status

    def lost(self) -> set[tuple[int, str]]:
        """Returns the acknowledged enrolments that the platform no longer has."""
        kept = {(number, each) for number, person in enumerate(self._people) for each in _courses_of(person)}
        return self.seen.enrolled - kept

    def wrong(self) -> list[str]:
        """Returns each course whose seats and enrolments contradict one another in the database."""
        with pymongo.MongoClient[dict[str, Any]](self._stack.plan.mongodb_url) as client:
            database = client[DATABASE]
            enrolled = {each["_id"] for each in database["enrollments"].find({}, {"_id": 1})}
            seats = {each["_id"]: each for each in database["seats"].find({})}
        return [
            course
            for course in self._courses
            if _contradicts(
                course, seats.get(course), {each for each in enrolled if each.endswith(f":{course}")}
            )
        ]


def _courses_of(person: Person) -> Iterator[str]:
    answer = person.client.get("/enrollments")
    assert answer.is_success, answer.text
    return (each["course_id"] for each in answer.json())


def _contradicts(course: str, seats: dict[str, Any] | None, enrolled: set[str]) -> bool:
    """A seat without an enrolment is none yet: the learner's next attempt uses it."""
    if seats is None:
        return bool(enrolled)
    holders = {f"{user}:{course}" for user in seats["holders"]}
    return seats["free"] + len(holders) != seats["capacity"] or not enrolled <= holders
