"""Every query of every repository has an index, confirmed by the server where it can tell."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final

import pymongo
import pytest
from pymongo import monitoring

import app.lms
from app.core.security import Role
from app.infra.audit import AuditLog, AuditQuery
from app.infra.mongo import Database
from app.lms.certificates.schemas import Certificate
from app.lms.courses.records import Course, CourseState, LessonContent, QuizContent
from app.lms.enrollments.schemas import Claim, Enrollment, EnrollmentState
from app.lms.submissions.schemas import Submission
from app.lms.users.schemas import Step, User
from app.monitoring.alerts.life import Firing, begun
from app.monitoring.alerts.repository import AlertRepository, HistoryQuery
from tests.app.fixed_clock import FixedClock

NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)
OF: Final = {"user_id": "u", "course_id": "c"}
ENROLLMENT: Final = Enrollment(id="u:c", **OF, state=EnrollmentState.ACTIVE, claim="x", enrolled_at=NOW)
SUBMISSION: Final = Submission(
    id="u:c:q:1",
    **OF,
    quiz_id="q",
    series="u:c:q",
    attempt=1,
    answers={},
    score=1,
    passed=True,
    key=None,
    submitted_at=NOW,
)
COURSE: Final = Course(
    id="c",
    title="",
    description="",
    capacity=1,
    state=CourseState.DRAFT,
    instructor_id="u",
    lessons=(),
    quizzes=(),
    version=1,
    created_at=NOW,
)
ARGUMENTS: Final[dict[str, object]] = {
    "after": "a",
    "attempt": 1,
    "before": NOW,
    "by": "u",
    "capacity": 1,
    "certificate": Certificate(id="crt", **OF, course_title="", holder="", issued_at=NOW, token=""),
    "certificate_id": "crt",
    "claim": Claim(claim="y", at=NOW),
    "course": COURSE,
    "course_id": "c",
    "course_ids": ["c"],
    "document_id": "d",
    "limit": 20,
    "email": "e",
    "enrollment": ENROLLMENT,
    "enrollment_id": "u:c",
    "lesson_id": "l",
    "lessons": [LessonContent(id="d", course_id="c", content="")],
    "new": 2,
    "now": NOW,
    "old": 1,
    "old_claim": "x",
    "quiz_id": "q",
    "quizzes": [QuizContent(id="d", course_id="c", questions=())],
    "role": Role.ADMIN,
    "series": "u:c:q",
    "step": Step.ENROLLED,
    "submission": SUBMISSION,
    "submission_id": "u:c:q:1",
    "user": User(id="u", email="e", name="", role=Role.ADMIN, password_hash="", created_at=NOW),
    "user_id": "u",
    "user_ids": ["u"],
}
"""A value for each parameter that a repository's method has; the shape of a query does not depend on it."""

WITHOUT: Final = {
    ("users", ("role",)): "asked once in the life of a database, when it has no list of admins yet",
    ("alerts", ("is_open",)): "once a day; few alerts are open, and only those are left out",
    ("audit", ()): "once a day, of what is older than a month; MongoDB has an index for it, FerretDB scans",
}


@dataclass
class Recorder(monitoring.CommandListener):
    """Keeps the commands of clients that are made while it is registered."""

    commands: list[dict[str, Any]] = field(default_factory=list)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


@dataclass(frozen=True)
class Query:
    """The filter and the sort order of a command."""

    collection: str
    where: dict[str, Any]
    sort: tuple[str, ...] = ()

    @classmethod
    def all_of(cls, command: Mapping[str, Any]) -> Iterator[Query]:
        kind = next(iter(command), "")  # the driver hides all of a login
        if kind == "find":
            yield cls(command[kind], command["filter"], tuple(command.get("sort", ())))
        for statement in command.get("updates", command.get("deletes", ())):
            yield cls(command[kind], statement["q"])

    @property
    def equal(self) -> tuple[str, ...]:
        """The fields that have one value, in order."""
        return tuple(sorted(name for name, value in self.where.items() if not isinstance(value, dict | list)))

    def is_served_by(self, index: tuple[str, ...]) -> bool:
        """Tells whether the index leads to the documents, in the order that is asked for."""
        found = next((n for n, name in enumerate(index) if name not in self.equal), len(index))
        in_order = bool(self.sort) and self.sort[0] in self.where  # a range of what the index is sorted by
        return (found > 0 or in_order) and index[found : found + len(self.sort)] == self.sort


def repositories() -> list[type]:
    """Returns every class of every module called repository."""
    names = [each.name for each in pkgutil.walk_packages(app.lms.__path__, "app.lms.")]
    modules = [import_module(name) for name in names if name.endswith(".repository")]
    return [
        each
        for module in modules
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__
    ]


async def ask_everything(database: Database) -> None:
    """Calls every method of every repository, on an empty database and again."""
    for repository in [kind(database) for kind in repositories()]:
        await database.prepare()
        for name, method in inspect.getmembers(repository, inspect.iscoroutinefunction):
            if name.startswith("_"):
                continue
            given = {each: _argument(name, each) for each in inspect.signature(method).parameters}
            await method(**given)
    audit = AuditLog(database, FixedClock(), days=40)
    history = AlertRepository(database)
    await database.prepare()
    await audit.record("change", "u", "192.0.2.1", "t", {})
    await audit.find(AuditQuery({"actor": "u", "action": "change", "target": "t"}), 20)
    await audit.expire()
    await _ask_alerts(history)


async def _ask_alerts(history: AlertRepository) -> None:
    record = begun(Firing("3f9ad2c4b1e05d6f", {"alertname": "A", "severity": "page"}, {}, NOW))
    for _ in range(2):
        await history.change(record.id, lambda found: (found or record).model_copy(update={"owner": "o"}))
    await history.of(record.fingerprint, 5)
    await history.open()
    for equal in ({"is_test": False}, {"severity": "page", "alertname": "A", "is_open": False}):
        await history.find(HistoryQuery(NOW - timedelta(days=60), NOW, equal), 20)
    await history.expire(NOW)


def _argument(method: str, parameter: str) -> object:
    # The same word is a claim's name where it is given back, and the whole claim where it is taken.
    if parameter == "claim" and method in {"release", "reactivate"}:
        return "y"
    if method == "set_password_hash":
        return {"user_id": "u", "old": "", "new": "h"}[parameter]
    return ARGUMENTS[parameter]


@pytest.fixture
async def commands(
    empty_mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[dict[str, Any]]]:
    """All commands that the repositories send; the database has their indexes."""
    recorder = Recorder()
    monkeypatch.setattr(monitoring, "_LISTENERS", monitoring._Listeners([recorder], [], [], [], []))
    database = Database(empty_mongodb_url, seconds=20)
    await ask_everything(database)
    yield recorder.commands
    database.close()


def indexes(url: str) -> dict[str, list[tuple[str, ...]]]:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        return {
            name: [tuple(index["key"]) for index in database[name].list_indexes()]
            for name in database.list_collection_names()
        }


def needing_an_index(commands: list[dict[str, Any]]) -> list[Query]:
    queries = [query for command in commands for query in Query.all_of(command)]
    return [query for query in queries if (query.collection, query.equal) not in WITHOUT]


async def test_every_query_has_an_index(commands: list[dict[str, Any]], empty_mongodb_url: str) -> None:
    found = indexes(empty_mongodb_url)
    queries = needing_an_index(commands)
    assert {query.collection for query in queries} == set(found)
    assert {("user_id",), ("course_id", "state"), ("series",), ("email",)} <= {each.equal for each in queries}
    scans = [query for query in queries if not any(map(query.is_served_by, found[query.collection]))]
    assert scans == []


async def test_the_server_says_so(commands: list[dict[str, Any]], empty_mongodb_url: str) -> None:
    """MongoDB names the index; FerretDB 1.24 only that PostgreSQL filters, and not for writes."""
    with pymongo.MongoClient[dict[str, Any]](empty_mongodb_url) as client:
        database = client.get_default_database()
        for command in commands:
            if not needing_an_index([command]):
                continue
            sent = {
                key: value for key, value in command.items() if key not in {"lsid", "$db", "writeConcern"}
            }
            told = database.command({"explain": sent, "verbosity": "queryPlanner"})
            if "ferretdbVersion" in told["serverInfo"]:
                assert told["filterPushdown"] or "find" not in command, command
            else:
                assert not {"COLLSCAN", "SORT"} & set(stages(told["queryPlanner"]["winningPlan"])), command


def stages(plan: object) -> Iterator[str]:
    if isinstance(plan, dict):
        yield from (value for key, value in plan.items() if key == "stage")
        yield from (stage for value in plan.values() for stage in stages(value))
    if isinstance(plan, list):
        yield from (stage for value in plan for stage in stages(value))
