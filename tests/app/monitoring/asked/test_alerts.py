from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from tests.app.infra.stores.conftest import PASSWORD, run_alertmanager
from tests.app.infra.stores.odd_server import GARBAGE, answering, odd_server, silent
from tests.app.monitoring.asked.conftest import TOKEN, Serve
from tests.app.people import Api
from tests.app.problems import assert_problem
from tests.programs import free_port, wait_until

AUTH = (logins.USER, PASSWORD)


@pytest.fixture(scope="module", name="alertmanager")
def _alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with contextmanager(run_alertmanager)(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


@pytest.fixture(name="asking")
def _asking(alertmanager: str) -> dict[str, object]:
    """The settings that lead to Alertmanager."""
    return {"alertmanager_url": alertmanager, "stores_password": PASSWORD, "stores_seconds": 20}


def fire(url: str, *labels: dict[str, str]) -> None:
    """Lets alerts fire, and waits until Alertmanager has them."""
    now = datetime.now(UTC)
    body = [
        {
            "labels": each,
            "annotations": {"summary": f"about {each['alertname']}", "runbook_url": "http://runbook.example"},
            "startsAt": (now - timedelta(minutes=5)).isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
        }
        for each in labels
    ]
    with httpx.Client(base_url=url, auth=AUTH, verify=NO_CERTIFICATES, timeout=20) as client:
        client.post("/api/v2/alerts", json=body).raise_for_status()
        names = {each["alertname"] for each in labels}

        def fires() -> bool:
            found = client.get("/api/v2/alerts").json()
            states = {each["labels"]["alertname"]: each["status"]["state"] for each in found}
            return names <= states.keys() and "unprocessed" not in {states[name] for name in names}

        wait_until(fires, "the alerts fire")


def named() -> str:
    return f"Alert{secrets.token_hex(6)}"


async def listed(api: Api, **filters: object) -> dict[str, Any]:
    answer = await api.client.get(
        "/monitoring/alerts", params={name: str(value) for name, value in filters.items()}, headers=TOKEN
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def one(api: Api, name: str) -> dict[str, Any]:
    [alert] = (await listed(api, alertname=name))["alerts"]
    found: dict[str, Any] = alert
    return found


async def test_alerts_that_fire_are_listed_with_what_people_need(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    name = named()
    fire(alertmanager, {"alertname": name, "severity": "critical", "job": name})
    async with serve(**asking) as api:
        found = await listed(api, alertname=name)
        assert (found["partial"], found["missing"], found["next_cursor"]) == (False, [], None)
        [alert] = found["alerts"]
        assert len(alert["fingerprint"]) == 16
        assert (alert["alertname"], alert["severity"], alert["state"]) == (name, "critical", "active")
        assert (alert["summary"], alert["runbook_url"]) == (f"about {name}", "http://runbook.example")
        assert (alert["silenced_by"], alert["inhibited_by"]) == ([], [])
        assert (await listed(api, alertname=name, severity="warning"))["alerts"] == []
        assert (await listed(api, alertname=name, severity="critical", state="active"))["alerts"] == [alert]
        assert (await listed(api, alertname=name, state="inhibited"))["alerts"] == []


async def test_an_inhibited_alert_names_the_alert_that_explains_it(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    cause, effect, job = named(), named(), named()
    fire(
        alertmanager,
        {"alertname": cause, "severity": "critical", "job": job},
        {"alertname": effect, "severity": "warning", "job": job},
    )
    async with serve(**asking) as api:
        inhibited = await one(api, effect)
        assert inhibited["state"] == "inhibited"
        assert inhibited["inhibited_by"] == [(await one(api, cause))["fingerprint"]]


async def test_pages_are_in_order_of_severity(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    names = [named() for _ in range(5)]
    severities = ["warning", "none", "critical", "odd", "critical"]
    fire(
        alertmanager,
        *(
            {"alertname": name, "severity": severity, "job": name}
            for name, severity in zip(names, severities, strict=True)
        ),
    )
    async with serve(**asking) as api:
        everything = (await listed(api, limit=200))["alerts"]
        ours = [each["severity"] for each in everything if each["alertname"] in names]
        assert ours == ["critical", "critical", "warning", "none", "odd"]
        seen, page = [], await listed(api, limit=2)
        seen += page["alerts"]
        while page["next_cursor"]:
            page = await listed(api, limit=2, cursor=page["next_cursor"])
            seen += page["alerts"]
        assert seen == everything
        cursor = (await listed(api, limit=1))["next_cursor"]
        for wrong in (f"cursor={cursor}&severity=critical", "cursor=x", "cursor=e30", "cursor=W10"):
            answer = await api.client.get(f"/monitoring/alerts?{wrong}", headers=TOKEN)
            assert_problem(answer, 422, "cursor_invalid", "query.cursor")


async def test_an_admin_acknowledges_an_alert_and_ends_that_again(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    name = named()
    fire(alertmanager, {"alertname": name, "severity": "critical", "job": name})
    async with serve(**asking) as api:
        admin = await api.admin()
        alert = await one(api, name)
        path = f"/monitoring/alerts/{alert['fingerprint']}/acknowledge"
        answer = await admin.post(path, {"comment": " I look at it. ", "duration": "2h"})
        assert answer.status_code == 201, answer.text
        silence = answer.json()
        assert (silence["created_by"], silence["comment"]) == (admin.id, "I look at it.")
        assert {(each["name"], each["value"]) for each in silence["matchers"]} == set(alert["labels"].items())
        ends = datetime.fromisoformat(silence["ends_at"]) - datetime.fromisoformat(silence["starts_at"])
        assert ends == timedelta(hours=2)

        silenced = await one(api, name)
        assert silenced["state"] == "silenced"
        [by] = silenced["silenced_by"]
        assert (by["id"], by["created_by"], by["comment"]) == (silence["id"], admin.id, "I look at it.")
        assert_problem(await admin.post(path, {"comment": "me too"}), 409, "alert_already_acknowledged")
        [shown] = [
            each
            for each in (await admin.get("/monitoring/silences")).json()["silences"]
            if each["id"] == silence["id"]
        ]
        assert shown["state"] == "active"

        end = f"/monitoring/silences/{silence['id']}"
        assert (await admin.send("DELETE", end)).status_code == 204
        assert_problem(await admin.send("DELETE", end), 404, "silence_not_found")
        assert (await one(api, name))["state"] == "active"
        expired = (await admin.get("/monitoring/silences?state=expired")).json()["silences"]
        assert silence["id"] in [each["id"] for each in expired]

        entries = (await admin.get("/monitoring/audit?limit=10")).json()["items"]
        done = [(each["action"], each["target"], each["details"]["outcome"]) for each in entries]
        assert ("silence_ended", silence["id"], "done") in done
        assert ("alert_acknowledged", alert["fingerprint"], "done") in done
        assert ("alert_acknowledged", alert["fingerprint"], "alert_already_acknowledged") in done
        [acknowledged] = [
            each for each in entries if each["details"]["outcome"] == "done" and "comment" in each["details"]
        ]
        assert acknowledged["actor"] == admin.id
        assert acknowledged["details"]["comment"] == "I look at it."


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


MATCHERS = [{"name": "job", "value": "lms"}]


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


async def test_there_is_no_history_yet_and_the_answer_says_so(
    serve: Serve, asking: dict[str, object]
) -> None:
    async with serve(**asking) as api:
        answer = await api.client.get("/monitoring/alerts?state=resolved", headers=TOKEN)
        assert_problem(answer, 422, "validation_failed", "query.state")
        assert "not recorded yet: use active, silenced or inhibited" in answer.json()["errors"][0]["message"]
        wrong = await api.client.get("/monitoring/alerts?state=loud&limit=0", headers=TOKEN)
        assert_problem(wrong, 422, "validation_failed", "query.state", "query.limit")


async def test_the_metrics_token_reads_but_has_no_name_to_act_in(
    serve: Serve, asking: dict[str, object]
) -> None:
    async with serve(**asking) as api:
        assert (await api.client.get("/monitoring/silences", headers=TOKEN)).status_code == 200
        body = {"matchers": MATCHERS, "comment": "why", "duration": "1h"}
        for method, path in (
            ("POST", "/monitoring/alerts/0000000000000000/acknowledge"),
            ("POST", "/monitoring/silences"),
            ("DELETE", f"/monitoring/silences/{uuid4()}"),
        ):
            by_token = await api.client.request(method, path, json=body, headers=TOKEN)
            assert_problem(by_token, 403, "role_required")
            assert_problem(await api.client.request(method, path, json=body), 401, "not_authenticated")
            student = await (await api.student()).send(method, path, body)
            assert_problem(student, 403, "role_required")


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
        assert_problem(answer, 503, "store_not_configured")


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
