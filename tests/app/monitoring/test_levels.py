from __future__ import annotations

from typing import Any

import httpx
import pytest

import otel
from otel.testing import Captured
from tests.app.people import Api, Person
from tests.app.problems import assert_problem

PATH = "/monitoring/log-levels"
LOGGER = "tests.levels.http"


async def change(person: Person, logger: str = LOGGER, **body: object) -> httpx.Response:
    return await person.put(f"{PATH}/{logger}", {"level": "debug", **body})


async def test_an_admin_changes_a_level_temporarily_and_resets_it(api: Api, telemetry: Captured) -> None:
    admin, log = await api.admin(), otel.get_logger(LOGGER)
    log.debug("hidden")
    answer = await change(admin, seconds=60)
    assert answer.status_code == 200
    assert answer.json() == {
        "changed": {"logger": LOGGER, "level": "debug", "seconds_left": 60},
        "everywhere": True,
    }
    log.debug("shown")
    [listed] = (await admin.get(PATH)).json()
    assert (listed["logger"], listed["level"]) == (LOGGER, "debug")
    assert 0 < listed["seconds_left"] <= 60
    assert (await admin.send("DELETE", f"{PATH}/{LOGGER}")).status_code == 204
    log.debug("hidden again")
    assert (await admin.get(PATH)).json() == []
    assert_problem(await admin.send("DELETE", f"{PATH}/{LOGGER}"), 404, "level_not_changed")
    assert [record.body for record in telemetry.logs if record.attributes["logger"] == LOGGER] == ["shown"]


async def test_every_change_is_audited_even_if_all_loggers_are_silenced(
    api: Api, telemetry: Captured
) -> None:
    admin = await api.admin()
    await change(admin, "root", level="critical", seconds=60)
    await change(admin, "audit", level="critical", seconds=60)
    otel.get_logger("app").error("held back")
    await admin.send("DELETE", f"{PATH}/audit")
    await admin.send("DELETE", f"{PATH}/root")

    audit = [record for record in telemetry.logs if record.attributes["logger"] == "audit"]
    assert {record.body for record in audit} == {"audit"}
    assert [(record.attributes["action"], record.attributes["target"]) for record in audit] == [
        ("log_level_changed", "root"),
        ("log_level_changed", "audit"),
        ("log_level_reset", "audit"),
        ("log_level_reset", "root"),
    ]
    assert {record.attributes["user.id"] for record in audit} == {admin.id}
    changes = {(each.attributes["audit.level"], each.attributes["audit.seconds"]) for each in audit[:2]}
    assert changes == {("critical", "60")}
    assert "held back" not in [record.body for record in telemetry.logs]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"level": "loud"}, "body.level"),
        ({"seconds": 0}, "body.seconds"),
        ({"seconds": 90_000}, "body.seconds"),
    ],
)
async def test_a_wrong_change_names_its_field(api: Api, body: dict[str, Any], field: str) -> None:
    assert_problem(await change(await api.admin(), **body), 422, "validation_failed", field)


async def test_an_invalid_name_is_refused(api: Api) -> None:
    answer = await change(await api.admin(), "a%0Ab")
    assert answer.status_code == 422


async def test_the_number_of_changed_levels_is_limited(api: Api) -> None:
    admin = await api.admin()
    names = [f"tests.levels.many.{number}" for number in range(100)]
    try:
        for name in names:
            otel.set_level(name, "debug", 60)
        assert_problem(await change(admin), 409, "too_many_levels")
    finally:
        for name in names:
            otel.reset_level(name)


async def test_levels_are_for_admins(api: Api) -> None:
    student = await api.student()
    token = {"Authorization": "Bearer metrics-token-of-the-tests"}
    assert_problem(await change(student), 403, "role_required")
    assert_problem(await student.get(PATH), 403, "role_required")
    assert_problem(await api.client.get(PATH), 401, "not_authenticated")
    assert_problem(await api.client.get(PATH, headers=token), 403, "role_required")
