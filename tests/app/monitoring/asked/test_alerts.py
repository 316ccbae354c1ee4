from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tests.app.monitoring.asked.alerting import MATCHERS, WATCHDOG, fire, listed, named, one
from tests.app.monitoring.asked.conftest import TOKEN, Serve
from tests.app.problems import assert_problem


async def test_alerts_that_fire_are_listed_with_what_people_need(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    name = named()
    fire(alertmanager, {"alertname": name, "severity": "page", "job": name})
    async with serve(**asking) as api:
        found = await listed(api, alertname=name)
        assert (found["partial"], found["missing"], found["next_cursor"]) == (False, [], None)
        [alert] = found["alerts"]
        assert len(alert["fingerprint"]) == 16
        assert (alert["alertname"], alert["severity"], alert["state"]) == (name, "page", "active")
        assert (alert["summary"], alert["runbook_url"]) == (f"about {name}", "http://runbook.example")
        assert (alert["silenced_by"], alert["inhibited_by"]) == ([], [])
        assert (await listed(api, alertname=name, severity="warning"))["alerts"] == []
        [same] = (await listed(api, alertname=name, severity="page", state="active"))["alerts"]
        assert (same["fingerprint"], same["started_at"]) == (alert["fingerprint"], alert["started_at"])
        assert (await listed(api, alertname=name, state="inhibited"))["alerts"] == []


async def test_an_inhibited_alert_names_the_alert_that_explains_it(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    cause, effect, job = named(), named(), named()
    fire(
        alertmanager,
        {"alertname": cause, "severity": "page", "job": job},
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
    severities = ["warning", "none", "page", "odd", "page"]
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
        assert ours == ["page", "page", "warning", "none", "odd"]
        seen, page = [], await listed(api, limit=2)
        seen += page["alerts"]
        while page["next_cursor"]:
            page = await listed(api, limit=2, cursor=page["next_cursor"])
            seen += page["alerts"]
        # The history of an alert may be complete only now.
        assert [each["id"] for each in seen] == [each["id"] for each in everything]
        cursor = (await listed(api, limit=1))["next_cursor"]
        for wrong in (f"cursor={cursor}&severity=page", "cursor=x", "cursor=e30", "cursor=W10"):
            answer = await api.client.get(f"/monitoring/alerts?{wrong}", headers=TOKEN)
            assert_problem(answer, 422, "cursor_invalid", "query.cursor")


async def test_an_admin_acknowledges_an_alert_and_ends_that_again(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    name = named()
    fire(alertmanager, {"alertname": name, "severity": "page", "job": name})
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
        assert silenced["state"] == "acknowledged"
        assert [each["kind"] for each in silenced["transitions"]] == ["firing", "acknowledged"]
        assert silenced["acknowledged_at"] == silence["starts_at"]
        [by] = silenced["silenced_by"]
        assert (by["id"], by["created_by"], by["comment"]) == (silence["id"], admin.id, "I look at it.")
        [shown] = [
            each
            for each in (await admin.get("/monitoring/silences")).json()["silences"]
            if each["id"] == silence["id"]
        ]
        assert shown["state"] == "active"


@pytest.mark.parametrize("label", [{"service.name": "lms"}, {"path": "x" * 600}, {"a b": "\u00e9\n"}])
async def test_any_alert_that_alertmanager_has_can_be_acknowledged(
    serve: Serve, alertmanager: str, asking: dict[str, object], label: dict[str, str]
) -> None:
    name = named()
    fire(alertmanager, {"alertname": name, "severity": "warning", "job": name, **label})
    async with serve(**asking) as api:
        admin, alert = await api.admin(), await one(api, name)
        path = f"/monitoring/alerts/{alert['fingerprint']}/acknowledge"
        answer = await admin.post(path, {"comment": "I look at it."})
        assert answer.status_code == 201, answer.text
        [(label_name, value)] = label.items()
        assert (label_name, value) in {(each["name"], each["value"]) for each in answer.json()["matchers"]}
        listed_now = (await admin.get("/monitoring/silences?limit=200")).json()["silences"]
        assert answer.json()["id"] in {each["id"] for each in listed_now}
        [entry] = (await admin.get("/monitoring/audit?action=alert_acknowledged")).json()["items"]
        assert (entry["target"], entry["details"]["outcome"]) == (alert["fingerprint"], "done")


async def test_the_watchdog_cannot_be_acknowledged(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    fire(alertmanager, WATCHDOG)
    async with serve(**asking) as api:
        admin, alert = await api.admin(), await one(api, "Watchdog")
        path = f"/monitoring/alerts/{alert['fingerprint']}/acknowledge"
        answer = await admin.post(path, {"comment": "It always fires."})
        assert_problem(answer, 409, "watchdog_not_silenced")
        assert "learn from its silence that alerting is broken" in answer.json()["detail"]
        assert (await one(api, "Watchdog"))["state"] == "active"
        [entry] = (await admin.get("/monitoring/audit?action=alert_acknowledged")).json()["items"]
        assert entry["details"]["outcome"] == "watchdog_not_silenced"


async def test_an_acknowledgement_is_ended_and_audited(
    serve: Serve, alertmanager: str, asking: dict[str, object]
) -> None:
    name = named()
    fire(alertmanager, {"alertname": name, "severity": "page", "job": name})
    async with serve(**asking) as api:
        admin, alert = await api.admin(), await one(api, name)
        path = f"/monitoring/alerts/{alert['fingerprint']}/acknowledge"
        silence = (await admin.post(path, {"comment": "I look at it."})).json()
        assert_problem(await admin.post(path, {"comment": "me too"}), 409, "alert_already_acknowledged")
        end = f"/monitoring/silences/{silence['id']}"
        assert (await admin.send("DELETE", end)).status_code == 204
        assert_problem(await admin.send("DELETE", end), 404, "silence_not_found")
        assert (await one(api, name))["state"] == "active"
        expired = (await admin.get("/monitoring/silences?state=expired")).json()["silences"]
        assert silence["id"] in [each["id"] for each in expired]

        entries = (await admin.get("/monitoring/audit?limit=10")).json()["items"]
        done = [(each["action"], each["target"], each["details"]["outcome"]) for each in entries]
        assert done == [
            ("silence_ended", silence["id"], "done"),
            ("alert_acknowledged", alert["fingerprint"], "alert_already_acknowledged"),
            ("alert_acknowledged", alert["fingerprint"], "done"),
        ]
        assert {each["actor"] for each in entries} == {admin.id}
        assert entries[-1]["details"]["comment"] == "I look at it."


async def test_a_state_that_there_is_not_is_refused_by_name(serve: Serve, asking: dict[str, object]) -> None:
    async with serve(**asking) as api:
        assert (await listed(api, state="resolved"))["alerts"] == []
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
            ("POST", "/monitoring/alerts/0000000000000000/comments"),
            ("PUT", "/monitoring/alerts/0000000000000000/cause"),
            ("POST", "/monitoring/silences"),
            ("DELETE", f"/monitoring/silences/{uuid4()}"),
        ):
            by_token = await api.client.request(method, path, json=body, headers=TOKEN)
            assert_problem(by_token, 403, "role_required")
            assert_problem(await api.client.request(method, path, json=body), 401, "not_authenticated")
            student = await (await api.student()).send(method, path, body)
            assert_problem(student, 403, "role_required")
