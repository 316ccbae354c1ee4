"""Whatever a client can make grow is bounded. The tests walk the platform, so they see later additions."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from app.core.errors import MAX_FIELD_ERRORS, PasswordsBusy
from app.core.passwords import Passwords
from app.core.telemetry import LMS_METRICS
from app.infra.active_users import ActiveUsers
from app.infra.log_levels import LogLevels
from app.infra.redis import RedisClient
from app.main import create_app
from otel.testing import capture_telemetry
from tests.app.conftest import make_settings
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api

ROOT: Final = Path(__file__).parents[2]
Schema = dict[str, Any]

LISTS: Final = {
    "AuditEntryOut.details": "what the action has to say about itself",
    "AuditPage.items": "the limit of a page, 100 at most",
    "CountedOut.states": "a rule's limits, 4 at most",
    "KeyOut.rules": "100 rules",
    "LimitsOut.rules": "100 rules",
    "RuleOut.exempt_roles": "the roles that there are",
    "RuleOut.exempt_tags": "what an operator writes into the rules file",
    "RuleOut.limits": "4 in the rules file",
    "CatalogueOut.items": "the limit of a page, 100 at most",
    "CourseOut.lessons": "MAX_LESSONS",
    "CourseOut.quizzes": "MAX_QUIZZES",
    "ErrorReportsOut.dropped": "the reasons that there are",
    "Health.checks": "what the platform needs",
    "Problem.errors": "MAX_FIELD_ERRORS",
    "Problem.violated-policies": "the rules that apply to one request",
    "Progress.lessons_done": "MAX_LESSONS",
    "Progress.quizzes_passed": "MAX_QUIZZES",
    "QuestionOut.choices": "MAX_CHOICES",
    "QuizOut.questions": "100 when a quiz is added",
    "SignalOut.dropped": "the reasons that there are",
    "SubmissionOut.answers": "100 when they are handed in",
    "TelemetryOut.signals": "traces, metrics, logs",
    "get /.well-known/jwks.json": "one key",
    "get /api/v1/courses/{course_id}/quizzes/{quiz_id}/submissions": "a quiz's attempts, 20 at most",
    "get /api/v1/enrollments": "one per published course: MAX_LISTED",
    "get /api/v1/monitoring/log-levels": "100 changed levels",
    "get /api/v1/problems": "the kinds that there are",
    "post /api/v1/demo/transcripts": "as the enrolments",
}
"""Every list and map that an answer can hold, and what bounds it."""


@cache
def description() -> Schema:
    with capture_telemetry(LMS_METRICS) as captured:
        settings = make_settings("mongodb://127.0.0.1:1/lms", "redis://127.0.0.1:1", demo_failure_ratio=1)
        return create_app(settings, captured.telemetry).openapi()


def operations() -> Iterator[tuple[str, Schema]]:
    for path, methods in description()["paths"].items():
        yield from ((f"{method} {path}", operation) for method, operation in methods.items())


def parts(schema: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """Yields a schema and all its parts, each with its place; a named schema is a place of its own."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        schema, place = description()["components"]["schemas"][name], name
    yield place, schema
    inner = [(place, each) for kind in ("anyOf", "oneOf", "allOf") for each in schema.get(kind, ())]
    inner += [(f"{place}.{each}", found) for each, found in schema.get("properties", {}).items()]
    inner += [
        (f"{place}[]", schema[key]) for key in ("items", "additionalProperties") if is_schema(schema, key)
    ]
    inner += [(f"{place}[]", each) for each in schema.get("patternProperties", {}).values()]
    for where, each in inner:
        yield from parts(each, where)


def is_schema(schema: Schema, key: str) -> bool:
    return isinstance(schema.get(key), dict)


def is_map(schema: Schema) -> bool:
    return bool(schema.get("additionalProperties") or schema.get("patternProperties"))


def is_bounded(schema: Schema) -> bool:
    """Tells whether a value of this schema, without its parts, has a maximum size."""
    keys = schema.keys()
    match schema.get("type"):
        case "string":
            return bool(keys & {"maxLength", "enum", "const"})
        case "integer" | "number":
            return bool(keys & {"maximum", "exclusiveMaximum"}) and bool(
                keys & {"minimum", "exclusiveMinimum"}
            )
        case "array":
            return "maxItems" in keys
        case "object":
            return not is_map(schema) or "maxProperties" in keys
        case kind:
            return kind in {"boolean", "null"} or bool(keys & {"$ref", "anyOf", "oneOf", "allOf"})


def inputs() -> Iterator[tuple[str, Schema]]:
    for operation, described in operations():
        for parameter in described.get("parameters", ()):
            yield from parts(parameter["schema"], f"{operation} {parameter['name']}")
        for content in described.get("requestBody", {"content": {}})["content"].values():
            yield from parts(content["schema"], operation)


def test_every_input_has_a_largest_size() -> None:
    found = list(inputs())
    assert len(found) > 80
    assert {place for place, schema in found if not is_bounded(schema)} == set()


def test_every_list_in_an_answer_says_what_bounds_it() -> None:
    found = {
        place
        for operation, described in operations()
        for response in described["responses"].values()
        for content in response.get("content", {}).values()
        for place, schema in parts(content.get("schema", {}), operation)
        if schema.get("type") == "array" or is_map(schema)
    }
    assert found == set(LISTS)


async def test_an_answer_names_few_of_many_mistakes(api: Api) -> None:
    learner = await api.student()
    answers = {f"no question {number}": 0 for number in range(10_000)}
    answer = await learner.post("/courses/a/quizzes/b/submissions", {"answers": answers})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == MAX_FIELD_ERRORS


# --- what a process keeps ---


async def overfill_password_line(_redis_url: str) -> int:
    passwords = Passwords(memory_kib=7168, time_cost=2, parallel=1, most_waiting=5)

    async def come() -> None:
        with suppress(PasswordsBusy):
            async with passwords.turn(asyncio.Event()):
                await asyncio.Event().wait()

    tasks = [asyncio.create_task(come()) for _ in range(20)]
    await asyncio.sleep(0)
    kept = len(passwords._line)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return kept


async def overfill_active_users(redis_url: str) -> int:
    users = ActiveUsers(RedisClient(redis_url, seconds=10), FixedClock())
    for number in range(10_500):
        users.seen(f"usr_{number}")
    return len(users._waiting)


async def overfill_log_levels(redis_url: str) -> int:
    client = RedisClient(redis_url, seconds=10)
    levels = LogLevels(client, FixedClock())
    for number in range(150):
        with suppress(ValueError):
            await levels.set(f"bounds.{number}", "debug", 60)
    kept = len(levels._followed)
    for number in range(150):
        await levels.reset(f"bounds.{number}")
    await client.close()
    return kept


OVERFILLED: Final[dict[str, tuple[int, Callable[[str], Awaitable[int]]]]] = {
    "app/core/passwords.py: Passwords._line": (5, overfill_password_line),
    "app/infra/active_users.py: ActiveUsers._waiting": (10_000, overfill_active_users),
    "app/infra/log_levels.py: LogLevels._followed": (100, overfill_log_levels),
}
OURS_ALONE: Final = {
    "app/core/certificates.py: CertificateSigner._jwk": "the members of one key",
    "app/infra/mongo.py: Database._indexes": "those that the repositories declare when the process starts",
    "app/infra/redis.py: RedisClient._scripts": "the scripts of this package, when the process starts",
    "app/http/server.py: BoundedHttp.headers": "a request's, bounded in tests/app/http/test_server.py",
}
GROWABLE: Final = frozenset(
    {"set", "dict", "list", "deque", "defaultdict", "OrderedDict", "Counter", "WeakKeyDictionary"}
    | {"WeakValueDictionary", "WeakSet", "Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "ChainMap"}
)
DISPLAYS: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def grows(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return name_of(value.func) in GROWABLE
    return isinstance(value, DISPLAYS)


def kept_by(owner: ast.ClassDef) -> Iterator[str]:
    """Yields the attributes of instances of a class that hold something growable."""
    for node in ast.walk(owner):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and grows(node.value):
            yield from (each.attr for each in targets if isinstance(each, ast.Attribute))


def caches(tree: ast.Module) -> Iterator[str]:
    """Yields the functions whose results are kept without a bound."""
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if name_of(call) in {"cache", "lru_cache", "cached_property"}:
                yield getattr(node, "name", "")


def module_names(tree: ast.Module) -> Iterator[str]:
    """Yields a module's variables that hold something growable and are not declared as constants."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and grows(node.value):
            yield from (
                each.id
                for each in node.targets
                if isinstance(each, ast.Name) and not each.id.isupper() and each.id != "__all__"
            )
        if (
            isinstance(node, ast.AnnAssign)
            and grows(node.value)
            and not ast.unparse(node.annotation).startswith("Final")
        ):
            yield ast.unparse(node.target)


def kept() -> set[str]:
    found = set()
    for path in sorted((ROOT / "app").rglob("*.py")):
        tree, where = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT)
        owners = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        found |= {f"{where}: {owner.name}.{each}" for owner in owners for each in kept_by(owner)}
        found |= {f"{where}: {each}" for each in (*caches(tree), *module_names(tree))}
    return found


def test_everything_that_a_process_keeps_has_a_bound_that_is_tried() -> None:
    assert kept() == {*OVERFILLED, *OURS_ALONE}


@pytest.mark.parametrize("place", sorted(OVERFILLED))
async def test_a_bound_holds(place: str, empty_redis_url: str) -> None:
    bound, overfill = OVERFILLED[place]
    assert await overfill(empty_redis_url) == bound


# --- what Redis keeps ---


async def test_whatever_is_in_redis_ends_by_itself(api: Api, empty_redis_url: str) -> None:
    learner, admin = await api.student(), await api.admin()
    await api.course(await api.instructor())
    assert (await api.client.get("/courses")).status_code == 200
    assert (await learner.post("/auth/logout")).status_code == 204
    again = await api.login(learner.email)
    await api.client.post("/auth/refresh", json={"refresh_token": again.refresh})
    await admin.put("/monitoring/log-levels/users", {"level": "debug", "seconds": 60})
    with redis.Redis.from_url(empty_redis_url, decode_responses=True) as server:
        lives = {key: server.pttl(key) for key in server.scan_iter()}
    assert {key.split(":")[1] for key in lives} >= {"session", "revoked", "catalogue", "log-levels"}
    assert {key for key, life in lives.items() if life < 0} == set()
