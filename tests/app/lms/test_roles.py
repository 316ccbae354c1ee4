"""Roles: a revoked one ends at once, however its token was obtained, and there is always an admin."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.core.settings import Settings
from app.lms.users.admins import Admins
from app.lms.users.repository import UserRepository
from app.lms.users.schemas import User
from app.lms.users.service import UserService
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.people import ADMIN_EMAIL, PASSWORD, Api, Person
from tests.app.problems import assert_problem
from tests.backends import RedisServer


async def set_role(by: Person, user: Person, role: str) -> httpx.Response:
    return await by.send("PATCH", f"/users/{user.id}/role", {"role": role})


async def another_admin(api: Api) -> Person:
    student = await api.student()
    assert (await set_role(await api.admin(), student, "admin")).status_code == 200
    return await api.login(student.email)


class Overtaken(UserRepository):
    """Something happens once, as soon as an account has been read."""

    def __init__(self, plain: UserRepository, change: Callable[[], Awaitable[object]]) -> None:
        self._users = plain._users
        self._change: Callable[[], Awaitable[object]] | None = change

    async def find(self, user_id: str) -> User | None:
        found = await super().find(user_id)
        await self._overtake()
        return found

    async def find_by_email(self, email: str) -> User | None:
        found = await super().find_by_email(email)
        await self._overtake()
        return found

    async def _overtake(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            await change()


def overtaken(api: Api, change: Callable[[], Awaitable[object]]) -> None:
    """Lets `change` happen in the middle of the next request that reads an account."""
    users: UserService = api.app.state.services.users
    users._repository = Overtaken(users._repository, change)


@pytest.mark.parametrize("way", ["login", "refresh"])
async def test_a_sign_in_during_a_revocation_does_not_keep_the_role(way: str, api: Api) -> None:
    victim, admin = await another_admin(api), await api.admin()
    overtaken(api, lambda: set_role(admin, victim, "student"))
    body = {
        "login": {"email": victim.email, "password": PASSWORD},
        "refresh": {"refresh_token": victim.refresh},
    }
    answer = await api.client.post(f"/auth/{way}", json=body[way])
    victim.access = answer.json()["access_token"]
    assert_problem(await set_role(victim, victim, "admin"), 401, "token_revoked")
    again = await api.login(victim.email)
    assert (await again.get("/users/me")).json()["role"] == "student"


async def test_what_an_admin_began_is_refused_after_the_role_ended(api: Api) -> None:
    victim, admin = await another_admin(api), await api.admin()
    overtaken(api, lambda: set_role(admin, victim, "student"))  # after the token was checked
    assert_problem(await set_role(victim, victim, "admin"), 403, "role_required")
    accomplice = await api.student()
    assert_problem(await set_role(victim, accomplice, "admin"), 401, "token_revoked")


async def test_a_token_is_outlived_by_what_revokes_it(
    settings: Settings, telemetry: Captured, clock: FixedClock
) -> None:
    """A login may wait long for its turn to hash; that must not extend its token's life."""
    waited = settings.jwt_access_ttl / 2

    async def wait() -> None:
        clock.advance(waited)

    async with serving(settings, telemetry, clock) as api:
        person = await api.student()
        overtaken(api, wait)
        tokens = (
            await api.client.post("/auth/login", json={"email": person.email, "password": PASSWORD})
        ).json()
        assert tokens["expires_in"] == (settings.jwt_access_ttl - waited).total_seconds()
        clock.advance(settings.jwt_access_ttl - waited)
        person.access = tokens["access_token"]
        assert_problem(await person.get("/users/me"), 401, "token_expired")


async def test_the_last_admin_keeps_the_role(api: Api) -> None:
    admin = await api.admin()
    for role in ("student", "instructor"):
        assert_problem(await set_role(admin, admin, role), 409, "last_admin")
    assert (await set_role(admin, admin, "admin")).status_code == 200
    assert (await (await api.admin()).get("/users/me")).json()["role"] == "admin"


async def test_an_admin_who_is_not_the_last_may_go(api: Api) -> None:
    first, second = await api.admin(), await another_admin(api)
    assert (await set_role(first, first, "instructor")).json()["role"] == "instructor"
    assert_problem(await first.get("/users/me"), 401, "token_revoked")
    assert (await (await api.admin()).get("/users/me")).json()["role"] == "instructor"
    assert_problem(await set_role(second, second, "student"), 409, "last_admin")


async def test_of_admins_who_dismiss_each_other_one_remains(api: Api) -> None:
    admins = [await api.admin(), *[await another_admin(api) for _ in range(3)]]
    rounds = [(by, user) for by in admins for user in admins]
    answers = await asyncio.gather(*(set_role(by, user, "student") for by, user in rounds))
    assert {answer.status_code for answer in answers} <= {200, 401, 403, 409}
    people = [await api.login(admin.email) for admin in admins[1:]] + [await api.admin()]
    roles = Counter([(await person.get("/users/me")).json()["role"] for person in people])
    assert roles["admin"] == 1


async def test_an_interrupted_change_is_completed_by_the_next(
    empty_mongodb_url: str, own_redis: RedisServer, telemetry: Captured, clock: FixedClock
) -> None:
    async with serving(make_settings(empty_mongodb_url, own_redis.url), telemetry, clock) as api:
        admin, victim = await api.admin(), await another_admin(api)
        own_redis.stop()
        assert_problem(await set_role(admin, victim, "student"), 503, "sessions_unavailable")
        assert_problem(await set_role(victim, victim, "admin"), 403, "role_required")
        own_redis.start()
        assert (await set_role(admin, victim, "student")).status_code == 200
        assert_problem(await victim.get("/users/me"), 401, "token_revoked")


async def test_a_new_address_in_the_settings_regains_an_admin(
    settings: Settings, empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    async with serving(settings, telemetry, clock):
        pass
    lost = make_settings(empty_mongodb_url, empty_redis_url, admin_email="new@example.org")
    async with serving(lost, telemetry, clock) as api:
        second = await api.login("new@example.org", settings.admin_password.get_secret_value())
        assert (await set_role(second, await api.admin(), "student")).status_code == 200


async def test_a_restart_restores_no_role(settings: Settings, telemetry: Captured, clock: FixedClock) -> None:
    async with serving(settings, telemetry, clock) as api:
        await set_role(await another_admin(api), await api.admin(), "student")
    async with serving(settings, telemetry, clock) as api:
        assert (await (await api.admin()).get("/users/me")).json()["role"] == "student"
        assert any(log.body == "admin_setting_unused" for log in telemetry.logs)


async def test_admins_from_before_there_was_a_list_stay(
    settings: Settings, telemetry: Captured, clock: FixedClock
) -> None:
    async with serving(settings, telemetry, clock) as api:
        admins: Admins = api.app.state.services.users._admins
        await admins._repository._admins.delete({"_id": "admins"})
    async with serving(settings, telemetry, clock) as api:
        assert (await api.login(ADMIN_EMAIL, settings.admin_password.get_secret_value())).id
        assert (await (await api.admin()).get("/monitoring/log-levels")).status_code == 200


async def test_an_interrupted_first_start_is_completed_by_the_next(
    settings: Settings, telemetry: Captured, clock: FixedClock
) -> None:
    async with serving(settings, telemetry, clock) as api:
        admins: Admins = api.app.state.services.users._admins
        emptied = {"$set": {"members": {}, "count": 0}}
        assert await admins._repository._admins.update({"_id": "admins"}, emptied)
        assert (await (await api.admin()).get("/users/me")).json()["role"] == "student"
    async with serving(settings, telemetry, clock) as api:
        assert (await (await api.admin()).get("/users/me")).json()["role"] == "admin"
