"""The canary does what learners do, sees what does not work, and leaves no trace in what people count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pymongo
import pytest

from app.core.certificates import CertificateSigner
from app.core.security import Tokens
from app.core.settings import Settings
from app.core.telemetry.platform import PLATFORM_METRICS
from app.infra.mongo import Database
from app.lms import canary as module
from app.lms.canary import COLLECTION, Canary
from app.lms.services import build_canary, build_tokens
from otel.testing import Captured
from tests.app.conftest import SEED
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api
from tests.app.seating import enroll, leave

Documents = dict[str, list[dict[str, Any]]]


@pytest.fixture(name="canary")
def _canary(api: Api, settings: Settings, clock: FixedClock) -> Canary:
    return build_canary(settings, api.app.state.resources, clock)


@pytest.fixture(name="stored")
def _stored(settings: Settings) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_url) as client:
        yield client


def documents(client: pymongo.MongoClient[dict[str, Any]]) -> Documents:
    database = client.get_default_database()
    return {
        name: sorted(database[name].find(), key=lambda each: str(each["_id"]))
        for name in database.list_collection_names()
        if name != "health"  # the beats of the check of the database
    }


def business_metrics(telemetry: Captured) -> dict[str, Any]:
    names = {metric.name for metric in PLATFORM_METRICS}
    return {name: series for name, series in telemetry.metrics.items() if name in names}


async def all_of(canary: Canary) -> dict[str, str | None]:
    return {name: await step() for name, step in canary.steps().items()}


async def learners(api: Api) -> str:
    """Fills the platform with a course and two learners, one of whom has left; returns the course."""
    course = await api.course(await api.instructor())
    stays, leaves = await api.student(), await api.student()
    for person in (stays, leaves):
        assert (await enroll(person, course)).status_code == 201
    await leave(leaves, course)
    return course


async def test_every_step_works(api: Api, canary: Canary) -> None:
    assert await all_of(canary) == dict.fromkeys(
        ["token", "catalogue", "seat", "quiz", "certificate", "counters"]
    )
    await learners(api)
    assert set((await all_of(canary)).values()) == {None}


async def test_the_canary_leaves_no_trace_in_metrics_catalogue_and_accounts(
    api: Api,
    canary: Canary,
    stored: pymongo.MongoClient[dict[str, Any]],
    telemetry: Captured,
    clock: FixedClock,
) -> None:
    await learners(api)
    clock.advance(timedelta(days=1))
    await api.app.state.resources.active_users.report()
    before, counted = documents(stored), business_metrics(telemetry)
    catalogue = (await api.client.get("/courses")).json()
    counted_after_a_read = business_metrics(telemetry)
    active = list(api.app.state.resources.active_users.observe())

    for _ in range(10):
        assert set((await all_of(canary)).values()) == {None}

    assert business_metrics(telemetry) == counted_after_a_read
    assert counted_after_a_read != counted  # the comparison sees what is counted
    after = documents(stored)
    [seats] = after.pop(COLLECTION)
    before.pop(COLLECTION, None)
    assert seats["holders"] == {}
    assert seats["free"] == seats["capacity"]
    assert after == before
    assert (await api.client.get("/courses")).json() == catalogue
    await api.app.state.resources.active_users.report()
    assert list(api.app.state.resources.active_users.observe()) == active


async def test_seats_of_runs_that_were_cut_off_are_given_back(
    canary: Canary, stored: pymongo.MongoClient[dict[str, Any]], clock: FixedClock
) -> None:
    await canary.seat()
    held = {"claim": "seat_1", "at": clock.now() - timedelta(seconds=61)}
    fresh = {"claim": "seat_2", "at": clock.now()}
    change = {"$set": {"holders.usr_cut": held, "holders.usr_now": fresh}, "$inc": {"free": -2}}
    seats = stored.get_default_database()[COLLECTION]
    seats.update_one({"_id": "canary"}, change)
    assert await canary.seat() is None
    found = seats.find_one({"_id": "canary"})
    assert found is not None
    assert list(found["holders"]) == ["usr_now"]


async def test_a_catalogue_that_lists_what_does_not_exist_is_seen(
    api: Api, canary: Canary, stored: pymongo.MongoClient[dict[str, Any]]
) -> None:
    course = await learners(api)
    stored.get_default_database()["courses"].delete_one({"_id": course})
    assert await canary.catalogue() == f"The catalogue lists {course}, which does not exist."


async def test_an_enrolment_without_a_seat_is_seen_once_it_is_of_yesterday(
    api: Api, canary: Canary, stored: pymongo.MongoClient[dict[str, Any]], clock: FixedClock
) -> None:
    course = await learners(api)
    database = stored.get_default_database()
    [holder] = (database["seats"].find_one({"_id": course}) or {})["holders"]
    lost = {"$unset": {f"holders.{holder}": ""}, "$inc": {"free": 1}}
    database["seats"].update_one({"_id": course}, lost)
    assert await canary.counters() is None
    clock.advance(timedelta(days=1))
    assert await canary.counters() == f"1 enrolments in {course} hold no seat."
    database["seats"].delete_one({"_id": course})
    assert await canary.counters() == f"{course} has enrolments but no seats."


async def test_seats_that_do_not_add_up_are_seen(
    api: Api, canary: Canary, stored: pymongo.MongoClient[dict[str, Any]]
) -> None:
    course = await learners(api)
    stored.get_default_database()["seats"].update_one({"_id": course}, {"$inc": {"free": 1}})
    said = await canary.counters()
    assert said == f"{course} has 10 seats: 10 free and 1 held do not add up."


async def test_admins_that_are_not_counted_are_seen(
    canary: Canary, stored: pymongo.MongoClient[dict[str, Any]]
) -> None:
    stored.get_default_database()["admins"].update_many({}, {"$inc": {"count": 1}})
    assert await canary.counters() == "2 admins are counted, 1 are listed."


async def test_each_run_looks_at_the_next_course(
    api: Api, canary: Canary, stored: pymongo.MongoClient[dict[str, Any]]
) -> None:
    courses = [await learners(api), await learners(api), await learners(api)]
    seats = stored.get_default_database()["seats"]
    seats.update_one({"_id": courses[1]}, {"$inc": {"free": 1}})
    said = [await canary.counters() for _ in courses]
    assert [each for each in said if each] == [
        f"{courses[1]} has 10 seats: 10 free and 1 held do not add up."
    ]


async def test_a_wrong_key_of_a_quiz_is_seen(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    key = module._QUIZ.model_copy(update={"questions": module._QUIZ.questions[:1]})
    monkeypatch.setattr(module, "_QUIZ", key)
    said = await canary.quiz()
    assert said is not None
    assert "graded wrongly" in said


async def test_tokens_that_never_expire_are_seen(settings: Settings, clock: FixedClock) -> None:
    class Endless(Tokens):
        def _read(self, token: str, kind: str, now: Any) -> dict[str, Any]:  # noqa: ANN401 - not used
            return super()._read(token, kind, now - timedelta(days=1))

    real = build_tokens(settings)
    ttls = {"access_ttl": real.access_ttl, "refresh_ttl": real.refresh_ttl}
    endless = Endless("a secret of 32 bytes or even more", **ttls)
    database = Database(settings.mongodb_url, seconds=20)
    said = await Canary(database, endless, CertificateSigner(SEED), clock).token()
    database.close()
    assert said == "An access token is valid after it has expired."
