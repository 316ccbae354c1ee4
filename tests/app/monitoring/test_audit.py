"""What admins do is recorded: who, what, when and from where, in the log and in the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core.settings import Settings
from app.infra.audit import AuditEntry, AuditLog, AuditQuery
from app.infra.mongo import Database
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.faults import FaultyDatabase
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api, Person
from tests.app.problems import assert_problem

PATH = "/monitoring/audit"


async def listed(person: Person) -> list[dict[str, Any]]:
    answer = await person.get(PATH)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_every_admin_action_is_recorded(api: Api, telemetry: Captured, clock: FixedClock) -> None:
    admin, student = await api.admin(), await api.student()
    await admin.put("/monitoring/log-levels/users", {"level": "debug", "seconds": 60})
    clock.advance(timedelta(seconds=1))
    await admin.send("DELETE", "/monitoring/log-levels/users")
    await admin.send("PATCH", f"/users/{student.id}/role", {"role": "instructor"})
    await admin.send("PATCH", f"/users/{admin.id}/role", {"role": "student"})
    found = await listed(admin)
    assert [(each["action"], each["target"], each["details"]) for each in found] == [
        ("role_change", admin.id, {"role": "student", "outcome": "last_admin"}),
        ("role_change", student.id, {"role": "instructor", "outcome": "done"}),
        ("log_level_reset", "users", {}),
        ("log_level_changed", "users", {"level": "debug", "seconds": "60", "everywhere": "true"}),
    ]
    assert {(each["actor"], each["address"]) for each in found} == {(admin.id, "127.0.0.1")}
    assert [each["at"] for each in found] == ["2026-01-05T09:00:01Z"] * 3 + ["2026-01-05T09:00:00Z"]
    events = [record.attributes for record in telemetry.logs if record.body == "audit"]
    assert [each["action"] for each in events] == [each["action"] for each in reversed(found)]
    assert {each["client.address"] for each in events} == {"127.0.0.0/24"}
    assert {each["stored"] for each in events} == {True}


async def test_what_changed_nothing_is_not_recorded(api: Api) -> None:
    admin = await api.admin()
    assert_problem(await admin.send("DELETE", "/monitoring/log-levels/users"), 404, "level_not_changed")
    assert await listed(admin) == []


@pytest.fixture
async def database(empty_mongodb_url: str) -> Any:  # noqa: ANN401 - a fixture that yields
    opened = FaultyDatabase(empty_mongodb_url, seconds=20)
    yield opened
    opened.close()


@pytest.fixture
def log(database: Database, clock: FixedClock) -> AuditLog:
    return AuditLog(database, clock, days=100)


async def do(log: AuditLog, clock: FixedClock, *actors: str, every: timedelta = timedelta(days=1)) -> None:
    for number, actor in enumerate(actors):
        await log.record("change", actor, "192.0.2.1", f"t{number}", {})
        clock.advance(every)


def targets(entries: list[AuditEntry]) -> list[str]:
    return [entry.target for entry in entries]


async def test_entries_are_found_across_months_newest_first(log: AuditLog, clock: FixedClock) -> None:
    await do(log, clock, "a", "b", "a", "b", "a", every=timedelta(days=20))
    clock.advance(timedelta(seconds=1))
    assert targets(await log.find(AuditQuery(), 10)) == ["t4", "t3", "t2", "t1"]  # t0 is 100 days old
    assert targets(await log.find(AuditQuery({"actor": "a"}), 10)) == ["t4", "t2"]
    assert targets(await log.find(AuditQuery({"actor": "a", "target": "t2", "action": "change"}), 10)) == [
        "t2"
    ]
    assert await log.find(AuditQuery({"action": "other"}), 10) == []


async def test_pages_of_many_months_follow_each_other(log: AuditLog, clock: FixedClock) -> None:
    await do(log, clock, *"aaabaab", every=timedelta(days=9))
    seen: list[str] = []
    before = None
    while page := await log.find(AuditQuery({"actor": "a"}, before=before), 2):
        assert len(page) == 2 or seen
        seen += targets(page)
        before = page[-1].id
    assert seen == ["t5", "t4", "t2", "t1", "t0"]
    older = AuditQuery(end=clock.now() - timedelta(days=40), before=before)
    assert await log.find(older, 10) == []


async def test_a_page_takes_two_queries_however_long_entries_are_kept(
    database: Database, clock: FixedClock, telemetry: Captured
) -> None:
    log = AuditLog(database, clock, days=400)
    await do(log, clock, *"abcd", every=timedelta(days=95))
    assert targets(await log.find(AuditQuery(), 10)) == ["t3", "t2", "t1", "t0"]
    sent = [span for span in telemetry.spans if span.name == "find audit"]
    assert len(sent) == 2


async def test_a_range_has_its_begin_but_not_its_end(log: AuditLog, clock: FixedClock) -> None:
    begin = clock.now()
    await do(log, clock, *"abcd")
    of = AuditQuery(begin=begin + timedelta(days=1), end=begin + timedelta(days=3))
    assert targets(await log.find(of, 10)) == ["t2", "t1"]


async def test_old_months_are_removed(log: AuditLog, clock: FixedClock, database: Database) -> None:
    await do(log, clock, "a", "b", "c", every=timedelta(days=40))
    clock.advance(timedelta(days=20))
    await log.expire()
    stored = await database.collection("audit").find({})
    assert sorted(each["target"] for each in stored) == ["t1", "t2"]
    await log.expire()
    assert len(await database.collection("audit").find({})) == 2


async def test_an_action_succeeds_though_it_cannot_be_stored(
    log: AuditLog, clock: FixedClock, database: FaultyDatabase, telemetry: Captured
) -> None:
    database.fail(1, done=False)
    await do(log, clock, "a")
    assert database.failed
    [event] = [record.attributes for record in telemetry.logs if record.body == "audit"]
    assert (event["actor"], event["stored"]) == ("a", False)


async def test_pages_follow_each_other(api: Api, clock: FixedClock) -> None:
    admin = await api.admin()
    for number in range(7):
        await admin.put(f"/monitoring/log-levels/l{number}", {"level": "debug", "seconds": 1})
        clock.advance(timedelta(milliseconds=number % 2))
    seen, cursor = [], None
    while True:
        page = (await admin.get(PATH + "?limit=3" + (f"&cursor={cursor}" if cursor else ""))).json()
        seen += [each["target"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"l{number}" for number in reversed(range(7))]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=1000000000", "validation_failed", "query.limit"),
        ("limit=0", "validation_failed", "query.limit"),
        ("actr=usr_1", "validation_failed", "query.actr"),
        ("from=yesterday", "validation_failed", "query.from"),
        ("from=2026-01-05T09:00:00", "validation_failed", "query.from"),
        ("from=2026-01-05T09:00:00Z&to=2026-01-05T08:00:00Z", "validation_failed", "query.to"),
        ("cursor=dHJhY2luZy1iYXNpY3M", "cursor_invalid", "query.cursor"),
        ("cursor=!", "cursor_invalid", "query.cursor"),
    ],
)
async def test_a_wrong_query_names_its_field(api: Api, query: str, code: str, field: str) -> None:
    assert_problem(await (await api.admin()).get(f"{PATH}?{query}"), 422, code, field)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("name", ["from", "to"])
async def test_a_moment_at_the_end_of_time(api: Api, name: str, moment: str) -> None:
    answer = await (await api.admin()).get(f"{PATH}?{name}={moment}")
    assert answer.status_code == 200


async def test_the_list_is_for_admins(api: Api) -> None:
    token = {"Authorization": "Bearer metrics-token-of-the-tests"}
    assert_problem(await (await api.student()).get(PATH), 403, "role_required")
    assert_problem(await api.client.get(PATH), 401, "not_authenticated")
    assert_problem(await api.client.get(PATH, headers=token), 403, "role_required")


async def test_the_address_is_the_clients(settings: Settings, telemetry: Captured, clock: FixedClock) -> None:
    behind = make_settings(settings.mongodb_url, settings.redis_url, trusted_proxies="127.0.0.0/8")
    async with serving(behind, telemetry, clock) as api:
        admin = await api.admin()
        body = {"level": "debug", "seconds": 1}
        await admin.send("PUT", "/monitoring/log-levels/x", body, **{"X-Forwarded-For": "2001:db8::7"})
        [entry] = await listed(admin)
    assert entry["address"] == "2001:db8::/64"
