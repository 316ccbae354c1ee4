from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.core.settings import Settings
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD, PASSWORD, Api
from tests.app.problems import assert_problem


async def test_a_registration_is_a_student(api: Api, telemetry: Captured) -> None:
    body = {"email": "Ada@Example.org", "password": PASSWORD, "name": "  Ada  "}
    answer = await api.client.post("/users", json=body)
    assert answer.status_code == 201
    user = answer.json()
    assert (user["email"], user["name"], user["role"]) == ("ada@example.org", "Ada", "student")
    assert "password" not in answer.text
    assert telemetry.value("lms.registrations", {"outcome": "created"}) == 2  # the admin is one as well


async def test_of_parallel_registrations_one_wins(api: Api) -> None:
    body = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada"}
    answers = await asyncio.gather(*(api.client.post("/users", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]


async def test_logins_are_counted_by_outcome(api: Api, telemetry: Captured) -> None:
    person = await api.student()
    for email, password in ((person.email, "wrong"), ("nobody@example.org", "wrong")):
        answer = await api.client.post("/auth/login", json={"email": email, "password": password})
        assert_problem(answer, 401, "credentials_invalid")
    outcomes = {
        name: telemetry.value("lms.logins", {"outcome": name}) for name in ("success", "wrong_password")
    }
    assert outcomes == {"success": 1, "wrong_password": 1}
    assert telemetry.value("lms.logins", {"outcome": "unknown_user"}) == 1


async def test_no_mail_address_or_password_reaches_telemetry(api: Api, telemetry: Captured) -> None:
    person = await api.student("Ada Lovelace")
    await api.client.post("/auth/login", json={"email": person.email, "password": "wrong horse battery"})
    produced = f"{telemetry.snapshot()}{telemetry.lines}"
    for secret in (person.email, "Ada Lovelace", PASSWORD, "wrong horse", person.access, person.refresh):
        assert secret not in produced


async def test_the_user_is_on_the_span_and_in_the_log(api: Api, telemetry: Captured) -> None:
    person = await api.student()
    span = next(span for span in telemetry.spans if span.attributes.get("http.route") == "/api/v1/users/me")
    assert span.attributes["user.id"] == person.id
    assert tuple(span.attributes["user.roles"]) == ("student",)


async def test_a_refresh_gives_a_new_pair(api: Api, clock: FixedClock) -> None:
    person = await api.student()
    clock.advance(timedelta(minutes=11))
    answer = await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    pair = answer.json()
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 600)
    assert pair["refresh_token"] != person.refresh
    person.access = pair["access_token"]
    assert (await person.get("/users/me")).status_code == 200


async def test_a_stolen_refresh_token_ends_the_session(api: Api, telemetry: Captured) -> None:
    person = await api.student()
    thief = await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert_problem(
        await api.client.post("/auth/refresh", json={"refresh_token": person.refresh}), 401, "refresh_reused"
    )
    stolen = {"refresh_token": thief.json()["refresh_token"]}
    assert_problem(await api.client.post("/auth/refresh", json=stolen), 401, "token_revoked")
    person.access = thief.json()["access_token"]
    assert_problem(await person.get("/users/me"), 401, "token_revoked")
    assert telemetry.value("lms.token.refreshes", {"outcome": "reused"}) == 1


async def test_an_old_refresh_token_has_expired(api: Api, clock: FixedClock) -> None:
    person = await api.student()
    clock.advance(timedelta(days=14))
    answer = await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert_problem(answer, 401, "token_expired")


async def test_a_logout_ends_this_session_only(api: Api) -> None:
    person = await api.student()
    elsewhere = await api.login(person.email)
    assert (await person.post("/auth/logout")).status_code == 204
    assert_problem(await person.get("/users/me"), 401, "token_revoked")
    assert (await elsewhere.get("/users/me")).status_code == 200


async def test_a_role_change_ends_tokens_of_the_old_role(api: Api) -> None:
    person, admin = await api.student(), await api.admin()
    answer = await admin.send("PATCH", f"/users/{person.id}/role", {"role": "instructor"})
    assert answer.json()["role"] == "instructor"
    assert_problem(await person.get("/users/me"), 401, "token_revoked")
    refreshed = await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    person.access = refreshed.json()["access_token"]
    assert (await person.get("/users/me")).json()["role"] == "instructor"


async def test_students_change_no_roles(api: Api) -> None:
    person = await api.student()
    answer = await person.send("PATCH", f"/users/{person.id}/role", {"role": "admin"})
    assert_problem(answer, 403, "role_required")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("password", "short", id="short password"),
        pytest.param("password", "x" * 129, id="long password"),
        pytest.param("password", "qwertyuiop123", id="common password"),
        pytest.param("password", "ada@example.org", id="mail address as password"),
        pytest.param("email", "nobody", id="no mail address"),
        pytest.param("name", "   ", id="empty name"),
    ],
)
async def test_a_wrong_field_is_named(field: str, value: str, api: Api) -> None:
    body = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada", field: value}
    assert_problem(await api.client.post("/users", json=body), 422, "validation_failed", f"body.{field}")


async def test_a_second_start_keeps_the_admins_password(
    settings: Settings, empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    async with serving(settings, telemetry, clock) as api:
        first = await api.admin()
    changed = make_settings(empty_mongodb_url, empty_redis_url, admin_password="another password")
    async with serving(changed, telemetry, clock) as api:
        assert (await api.login(ADMIN_EMAIL, ADMIN_PASSWORD)).id == first.id


async def test_stronger_settings_renew_hashes_at_login(
    settings: Settings, empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    async with serving(settings, telemetry, clock) as api:
        person = await api.student()
    stronger = make_settings(empty_mongodb_url, empty_redis_url, argon2_memory_kib=9216)
    async with serving(stronger, telemetry, clock) as api:
        await api.login(person.email)
        user = await api.app.state.services.users.get(person.id)
        assert "m=9216" in user.password_hash
        await api.login(person.email)


async def test_a_token_of_a_deleted_user_is_refused(api: Api) -> None:
    person = await api.student()
    users = api.app.state.services.users._repository._users
    await users.delete({"_id": person.id})
    assert_problem(await person.get("/users/me"), 404, "user_not_found")
    answer = await api.client.post("/auth/refresh", json={"refresh_token": person.refresh})
    assert_problem(answer, 401, "token_revoked")
