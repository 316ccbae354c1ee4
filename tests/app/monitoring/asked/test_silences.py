from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import yaml

from app.monitoring import silences
from tests.app.infra.stores.odd_server import GARBAGE, answering, odd_server, silent
from tests.app.monitoring.asked.alerting import MATCHERS, WATCHDOG, fire, named, one, silence_elsewhere
from tests.app.monitoring.asked.conftest import TOKEN, Serve
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.programs import free_port

RULES: Final = Path(__file__).parents[4] / "alertmanager" / "rules" / "watchdog.yml"


async def test_an_admin_silences_what_will_fire(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    job, name = named(), named()
    async with serve(**asking) as api:
        admin = await api.admin()
        body = {
            "matchers": [
                {"name": "job", "value": job},
                {"name": "alertname", "value": "Alert.*", "is_regex": True},
                {"name": "severity", "value": "none", "is_equal": False},
            ],
            "comment": "The database moves.",
            "duration": "30m",
        }
        answer = await admin.post("/monitoring/silences", body)
        assert answer.status_code == 201, answer.text
        fire(alertmanager, {"alertname": name, "severity": "warning", "job": job})
        assert (await one(api, name))["silenced_by"][0]["id"] == answer.json()["id"]
        assert [each["is_regex"] for each in answer.json()["matchers"]] == [False, True, False]
        [entry] = (await admin.get("/monitoring/audit?action=silence_created")).json()["items"]
        assert entry["target"] == f'job="{job}", alertname=~"Alert.*", severity!="none"'


@pytest.mark.parametrize(
    "matcher",
    [
        {"name": "service.name", "value": "x"},
        {"name": "instance", "value": "|".join(f"host{n}.example.org" for n in range(40)), "isRegex": True},
        {"name": "a b", "value": "\u00e9\n"},
    ],
)
async def test_a_silence_of_another_program_is_listed_and_ended(
    serve: Serve, alertmanager: str, asking: dict[str, object], matcher: dict[str, Any]
) -> None:
    silence_id = silence_elsewhere(alertmanager, matcher)
    async with serve(**asking) as api:
        admin = await api.admin()
        answer = await admin.get("/monitoring/silences?limit=200")
        assert answer.status_code == 200, answer.text
        [found] = [each for each in answer.json()["silences"] if each["id"] == silence_id]
        [shown] = found["matchers"]
        assert (shown["name"], shown["value"]) == (matcher["name"], matcher["value"])
        assert (found["created_by"], found["comment"]) == ("on-call", "")
        assert (await admin.send("DELETE", f"/monitoring/silences/{silence_id}")).status_code == 204


@pytest.mark.parametrize(
    "matchers",
    [
        [{"name": "alertname", "value": "Watchdog"}],
        [{"name": "severity", "value": "none"}],
        [
            {"name": "service_name", "value": "alerting"},
            {"name": "alertname", "value": ".+", "is_regex": True},
        ],
        [
            {"name": "service_name", "value": "alerting"},
            {"name": "severity", "value": "page", "is_equal": False},
        ],
    ],
)
async def test_no_silence_includes_the_watchdog(
    serve: Serve, alertmanager: str, asking: dict[str, object], matchers: list[dict[str, Any]]
) -> None:
    fire(alertmanager, WATCHDOG)
    async with serve(**asking) as api:
        admin = await api.admin()
        body = {"matchers": matchers, "comment": "why", "duration": "1h"}
        assert_problem(await admin.post("/monitoring/silences", body), 409, "watchdog_not_silenced")
        others = {"name": "alertname", "value": "Watchdog", "is_equal": False}
        answer = await admin.post("/monitoring/silences", {**body, "matchers": [*matchers, others]})
        assert answer.status_code == 201, answer.text
        assert (await one(api, "Watchdog"))["state"] == "active"
        await admin.send("DELETE", f"/monitoring/silences/{answer.json()['id']}")


def test_our_rules_have_the_watchdog_by_this_name() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    [found] = [each for group in rules["groups"] for each in group["rules"] if each["expr"] == "vector(1)"]
    assert {"alertname": found["alert"], **found["labels"]} == WATCHDOG
    assert found["alert"] == silences.WATCHDOG


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"duration": "31d"}, "validation_failed", "body.duration"),
        ({"duration": "soon"}, "validation_failed", "body.duration"),
        ({"duration": 5}, "validation_failed", "body.duration"),
        ({"comment": "  "}, "validation_failed", "body.comment"),
        ({"comment": "a" * 501}, "validation_failed", "body.comment"),
        ({"matchers": []}, "validation_failed", "body.matchers"),
        ({"matchers": [{"name": "a b", "value": "x"}]}, "validation_failed", "body.matchers.0.name"),
        ({"matchers": [{"name": "a", "value": ""}]}, "validation_failed", "body.matchers"),
        (
            {"matchers": [{"name": "alertname", "value": ".*", "is_regex": True}]},
            "validation_failed",
            "body.matchers",
        ),
        (
            {"matchers": [{"name": "job", "value": "x", "is_equal": False}]},
            "validation_failed",
            "body.matchers",
        ),
        (
            {"matchers": [*MATCHERS, {"name": "job", "value": "(", "is_regex": True}]},
            "silence_refused",
            "body.matchers",
        ),
    ],
)
async def test_a_wrong_silence_is_refused_by_field(
    serve: Serve, asking: dict[str, object], changes: dict[str, object], code: str, field: str
) -> None:
    async with serve(**asking) as api:
        body = {"matchers": MATCHERS, "comment": "why", "duration": "1h", **changes}
        assert_problem(await (await api.admin()).post("/monitoring/silences", body), 422, code, field)


async def test_what_does_not_exist_is_not_found(serve: Serve, asking: dict[str, object]) -> None:
    async with serve(**asking) as api:
        admin = await api.admin()
        body = {"comment": "I look at it."}
        unknown = await admin.post("/monitoring/alerts/0000000000000000/acknowledge", body)
        assert_problem(unknown, 404, "alert_not_found")
        no_id = await admin.post("/monitoring/alerts/nothing/acknowledge", body)
        assert_problem(no_id, 422, "validation_failed", "path.fingerprint")
        gone = await admin.send("DELETE", f"/monitoring/silences/{uuid4()}")
        assert_problem(gone, 404, "silence_not_found")
        no_uuid = await admin.send("DELETE", "/monitoring/silences/..%2Falerts")
        assert no_uuid.status_code in {404, 422}


async def both(api: Api) -> list[dict[str, Any]]:
    paths = ("/monitoring/alerts", "/monitoring/silences")
    answers = [await api.client.get(path, headers=TOKEN) for path in paths]
    assert [each.status_code for each in answers] == [200, 200]
    return [each.json() for each in answers]


async def test_without_alertmanager_lists_are_partial_and_changes_unavailable(serve: Serve) -> None:
    async with serve(alertmanager_url=f"http://127.0.0.1:{free_port()}") as api:
        for found in await both(api):
            assert (found["partial"], found["missing"]) == (True, ["alertmanager"])
            assert found["reasons"][0]["reason"] == "does not answer (ConnectError)"
        body = {"matchers": MATCHERS, "comment": "why", "duration": "1h"}
        admin = await api.admin()
        assert_problem(await admin.post("/monitoring/silences", body), 503, "store_unavailable")
        [entry] = (await admin.get("/monitoring/audit?action=silence_created")).json()["items"]
        assert entry["details"]["outcome"] == "store_unavailable"
    async with serve() as api:
        for found in await both(api):
            assert found["reasons"][0]["reason"] == "is not configured: set LMS_ALERTMANAGER_URL"
        answer = await (await api.admin()).post("/monitoring/silences", body)
        assert_problem(answer, 409, "store_not_configured")


@pytest.mark.parametrize("body", [body for body in GARBAGE if body != b"[]"])
async def test_garbage_from_alertmanager_is_no_error_of_ours(serve: Serve, body: bytes) -> None:
    with odd_server(answering(body)) as url:
        async with serve(alertmanager_url=url) as api:
            for found in await both(api):
                assert (found["partial"], found["missing"]) == (True, ["alertmanager"])


async def test_an_alertmanager_that_hangs_costs_no_more_than_its_time(serve: Serve) -> None:
    with odd_server(silent) as url:
        async with serve(alertmanager_url=url, stores_seconds=0.2) as api:
            for found in await both(api):
                assert found["reasons"][0]["reason"] == "did not answer within 0.2 s"
