"""Outages of the database or Redis: real servers, stopped or frozen by their process ids."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from app.core.errors import DatabaseUnavailable
from app.infra.mongo import Database, DatabaseRefused, address
from app.infra.redis import RedisClient, RedisUnavailable
from app.monitoring.health_check import Status
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.healths import until
from tests.app.people import LESSON, RIGHT, Api
from tests.app.problems import assert_problem
from tests.backends import DatabaseServer, RedisServer
from tests.programs import free_port


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with DatabaseServer(tmp_path_factory.mktemp("own-database")) as server:
        yield server


@pytest.fixture
async def api_without_redis(
    empty_mongodb_url: str, own_redis: RedisServer, telemetry: Captured, clock: FixedClock
) -> AsyncIterator[Api]:
    settings = make_settings(empty_mongodb_url, own_redis.url, health_seconds=0.2)
    async with serving(settings, telemetry, clock) as api:
        yield api


@pytest.fixture
async def api_on_own_database(
    own_database: DatabaseServer, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> AsyncIterator[Api]:
    settings = make_settings(own_database.url, empty_redis_url, database_seconds=2, health_seconds=0.2)
    async with serving(settings, telemetry, clock) as api:
        yield api


async def test_without_redis_the_catalogue_comes_from_the_database(
    api_without_redis: Api, own_redis: RedisServer, telemetry: Captured
) -> None:
    author = await api_without_redis.instructor()
    course = await api_without_redis.course(author)
    own_redis.stop()
    answer = await api_without_redis.client.get("/courses")
    assert [item["id"] for item in answer.json()["items"]] == [course]
    assert telemetry.value("lms.catalogue.reads", {"cache": "bypassed"}) == 1


async def test_without_redis_learning_continues(
    api_without_redis: Api, own_redis: RedisServer, telemetry: Captured
) -> None:
    author, learner = await api_without_redis.instructor(), await api_without_redis.student()
    course = await api_without_redis.course(author)
    own_redis.stop()
    assert (await learner.post(f"/courses/{course}/enrollments")).status_code == 201
    assert (await learner.put(f"/courses/{course}/lessons/spans/completion")).status_code == 200
    answer = await learner.post(f"/courses/{course}/quizzes/final/submissions", {"answers": RIGHT})
    assert answer.status_code == 201
    assert telemetry.value("lms.token.revocation_checks", {"outcome": "unavailable"}) == 3


async def test_without_redis_edits_are_stored(
    api_without_redis: Api, own_redis: RedisServer, telemetry: Captured
) -> None:
    author = await api_without_redis.instructor()
    course = await api_without_redis.course(author)
    own_redis.stop()
    assert (await author.post(f"/courses/{course}/lessons", LESSON)).status_code == 201
    assert telemetry.value("lms.catalogue.invalidations", {"outcome": "failed"}) == 1


async def test_without_redis_no_session_changes(api_without_redis: Api, own_redis: RedisServer) -> None:
    person = await api_without_redis.student()
    own_redis.stop()
    refreshed = await api_without_redis.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert_problem(refreshed, 503, "sessions_unavailable")
    assert refreshed.headers["retry-after"] == "2"
    assert_problem(await person.post("/auth/logout"), 503, "sessions_unavailable")


async def test_without_redis_a_login_gets_an_access_token_alone(
    api_without_redis: Api, own_redis: RedisServer
) -> None:
    person = await api_without_redis.student()
    own_redis.stop()
    again = await api_without_redis.login(person.email)
    assert again.refresh is None
    assert (await again.get("/users/me")).status_code == 200


async def test_a_session_ends_with_what_redis_forgets(api_without_redis: Api, own_redis: RedisServer) -> None:
    """The test's Redis keeps nothing over a restart."""
    person = await api_without_redis.student()
    own_redis.stop()
    own_redis.start()
    refreshed = await api_without_redis.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert_problem(refreshed, 401, "token_revoked")
    again = await api_without_redis.login(person.email)
    assert again.refresh is not None


async def test_without_redis_the_platform_warns_and_serves(
    api_without_redis: Api, own_redis: RedisServer
) -> None:
    admin = await api_without_redis.admin()
    own_redis.stop()
    await until(api_without_redis, Status.WARN)
    health = await admin.get("/monitoring/health")
    assert health.status_code == 200
    assert (health.json()["status"], health.json()["decidedBy"]) == ("warn", "redis")
    assert health.json()["components"]["redis"]["status"] == "fail"
    assert (await admin.get("http://lms.test/readyz")).status_code == 200


async def test_redis_is_given_up_quickly() -> None:
    client = RedisClient(f"redis://127.0.0.1:{free_port()}/0", seconds=0.25)
    started = time.monotonic()
    with pytest.raises(RedisUnavailable):
        await client.get("anything")
    assert time.monotonic() - started < 2
    await client.close()


async def test_a_frozen_database_is_a_503_not_a_hang(
    api_on_own_database: Api, own_database: DatabaseServer, telemetry: Captured
) -> None:
    admin = await api_on_own_database.admin()
    own_database.freeze()
    try:
        started = time.monotonic()
        answer = await admin.get("/enrollments")
        assert time.monotonic() - started < 10
        assert_problem(answer, 503, "database_unavailable")
        assert answer.headers["retry-after"] == "2"
        await until(api_on_own_database, Status.FAIL)
        ready = await api_on_own_database.client.get("http://lms.test/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "fail")
        assert (await api_on_own_database.client.get("http://lms.test/livez")).status_code == 200
    finally:
        own_database.thaw()
    assert (await admin.get("/enrollments")).status_code == 200
    (record,) = (log for log in telemetry.logs if log.body == "unavailable")
    assert record.attributes["code"] == "database_unavailable"


async def test_a_database_without_its_store_is_a_503_until_that_is_back(
    api_on_own_database: Api, own_database: DatabaseServer
) -> None:
    """FerretDB answers, PostgreSQL behind it does not: no failure of the platform, and no issue."""
    admin = await api_on_own_database.admin()
    own_database.lose_postgres()
    try:
        for _ in range(3):
            assert_problem(await admin.get("/users/me"), 503, "database_unavailable")
        await until(api_on_own_database, Status.FAIL)
        assert (await api_on_own_database.client.get("http://lms.test/readyz")).status_code == 503
    finally:
        own_database.bring_postgres_back()
    assert (await admin.get("/users/me")).status_code == 200
    await until(api_on_own_database, Status.PASS)


async def test_acknowledged_answers_survive_the_death_of_the_database(
    api_on_own_database: Api, own_database: DatabaseServer
) -> None:
    course = await api_on_own_database.course(await api_on_own_database.instructor())
    learner = await api_on_own_database.student()
    await learner.post(f"/courses/{course}/enrollments")
    path = f"/courses/{course}/quizzes/final/submissions"
    acknowledged = [(await learner.post(path, {"answers": {"q1": choice}})).json() for choice in (0, 1)]
    own_database.crash()
    assert_problem(await learner.post(path, {"answers": RIGHT}), 503, "database_unavailable")
    own_database.start()
    assert (await learner.get(path)).json() == acknowledged


async def test_writes_ask_for_a_majority_and_its_journal(mongodb_url: str) -> None:
    database = Database(mongodb_url, seconds=2)
    concern = database._client.write_concern
    assert concern.document == {"w": "majority", "j": True}
    database.close()


async def test_an_unreachable_database_is_reported_in_time() -> None:
    tries: list[int] = []
    database = Database(f"mongodb://127.0.0.1:{free_port()}/lms", seconds=0.2)
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await database.wait(1.0, lambda: tries.append(1))
    assert time.monotonic() - started < 5
    assert tries
    database.close()


async def test_a_wrong_password_is_refused_and_not_repeated(own_database: DatabaseServer) -> None:
    login, _, rest = own_database.url.partition("@")
    wrong = f"{login.rpartition(':')[0]}:wrong-password@{rest}"
    database = Database(wrong, seconds=5)
    with pytest.raises(DatabaseRefused) as caught:
        await database.wait(30.0)
    assert "wrong-password" not in str(caught.value)
    database.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://lms:secret@db.example:27018/lms", "db.example:27018"),
        ("mongodb://a,b:1/lms", "a:27017, b:1"),
        ("mongodb://%", "the address in MONGODB_URL"),
    ],
)
def test_an_address_has_no_credentials(url: str, shown: str) -> None:
    assert address(url) == shown


async def test_a_crowd_without_a_database_does_not_wait_for_one_another() -> None:
    """The driver has few threads, and each waits for a server: one after another, 200 would take 10 s."""
    database = Database(f"mongodb://127.0.0.1:{free_port()}/lms", seconds=0.5)
    things = database.collection("things")
    async with asyncio.timeout(8):
        answers = await asyncio.gather(*(things.find_one({}) for _ in range(200)), return_exceptions=True)
    database.close()
    assert {type(each) for each in answers} == {DatabaseUnavailable}
