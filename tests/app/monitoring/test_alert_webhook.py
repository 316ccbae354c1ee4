"""Notifications by hand: what is recorded, once, however often and in which order; what is refused."""

from __future__ import annotations

import asyncio
import re
from itertools import permutations
from pathlib import Path
from typing import Final

import pytest

from app.core.settings import Settings
from app.monitoring.alerts.payload import MOST_ALERTS
from otel.testing import Captured
from tests.app.monitoring.alert_notices import (
    ALERTS_TOKEN,
    METRICS_TOKEN,
    START,
    WEBHOOK,
    alert,
    body,
    history,
    kinds,
    later,
    post,
    shown,
)
from tests.app.people import Api
from tests.app.problems import assert_problem

LABELS: Final = {"alertname": "LmsDown", "severity": "page", "service_name": "lms", "owner": "platform"}
END: Final = later(90)
FIRED: Final = body(alert(LABELS))
ESCALATED: Final = body(alert(LABELS), receiver="escalation-second-line")
ENDED: Final = body(alert(LABELS, ended=END))
LARGE_ALERT: Final = 8192
"""Bytes of an alert in a notification: its labels, and annotations with four links."""


async def test_a_life_is_recorded_to_the_millisecond(api: Api) -> None:
    for each in (FIRED, ESCALATED, ENDED):
        assert (await post(api, each)).status_code == 204
    [found] = await history(api)
    assert found["id"] == f"20260105t085930411-{found['fingerprint']}"
    assert (found["started_at"], found["resolved_at"]) == (
        "2026-01-05T08:59:30.411000Z",
        "2026-01-05T09:01:00.411000Z",
    )
    assert found["summary"] == "about LmsDown"
    assert set(kinds(found)) == {"firing", "notified", "escalated", "resolved", "resolution_sent"}
    receivers = {each["kind"]: each["reference"] for each in found["transitions"] if each["reference"]}
    assert receivers == {
        "notified": "on-call",
        "escalated": "escalation-second-line",
        "resolution_sent": "on-call",
    }
    assert await shown(api, found["id"]) == await shown(api, found["fingerprint"]) == found


async def test_what_comes_twice_is_recorded_and_announced_once(api: Api, telemetry: Captured) -> None:
    for each in (FIRED, ENDED) * 3:
        assert (await post(api, each)).status_code == 204
    together = await asyncio.gather(*(post(api, each) for each in (FIRED, ENDED) * 5))
    assert {each.status_code for each in together} == {204}
    [found] = await history(api)
    assert sorted(kinds(found)) == ["firing", "notified", "resolution_sent", "resolved"]
    for kind in kinds(found):
        assert telemetry.value("lms.alert.transitions", {"kind": kind, "severity": "page"}) == 1
        assert [log.body for log in telemetry.logs].count(f"alert_{kind}") == 1
    for metric in ("time_to_notify", "time_to_resolve"):
        assert telemetry.value(f"lms.alert.{metric}", {"severity": "page"}) == 1
    assert telemetry.value("lms.alert.unattended", {"severity": "page"}) == 1
    assert [event["level"] for event in telemetry.errors] == ["fatal", "info"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_order_does_not_matter(api: Api, order: tuple[int, ...]) -> None:
    for number in order:
        assert (await post(api, (FIRED, ESCALATED, ENDED)[number])).status_code == 204
    [found] = await history(api)
    assert found["state"] == "resolved"
    assert sorted(kinds(found)) == ["escalated", "firing", "notified", "resolution_sent", "resolved"]
    assert (found["started_at"], found["resolved_at"]) == (
        "2026-01-05T08:59:30.411000Z",
        "2026-01-05T09:01:00.411000Z",
    )


async def test_an_alert_that_fires_again_is_another_record_and_flaps(api: Api, telemetry: Captured) -> None:
    await post(api, ENDED)
    await post(api, body(alert(LABELS, began=later(120), ended=later(180))))
    newest, oldest = await history(api)
    assert newest["fingerprint"] == oldest["fingerprint"]
    assert newest["started_at"] > oldest["started_at"]
    assert telemetry.value("lms.alert.flaps", {"severity": "page"}) == 1
    assert (await shown(api, newest["fingerprint"]))["id"] == newest["id"]


async def test_clocks_that_differ_make_no_negative_time(api: Api, telemetry: Captured) -> None:
    ahead = alert(LABELS, began=later(3600), ended=later(3500))
    assert (await post(api, body(ahead))).status_code == 204
    [found] = await history(api)
    assert found["resolved_at"] == found["started_at"]
    assert telemetry.value("lms.alert.time_to_resolve", {"severity": "page"}) == 1


async def test_alerts_that_try_the_channels_are_kept_apart(api: Api, telemetry: Captured) -> None:
    await post(api, body(alert({**LABELS, "test": "true"}, ended=END)))
    assert await history(api) == []
    [found] = await history(api, test="true")
    assert found["test"] is True
    assert telemetry.value("lms.alert.transitions") == 0
    assert [event["tags"]["test"] for event in telemetry.errors] == ["true"]


async def test_pages_of_the_history_are_in_order_of_time(api: Api) -> None:
    for number in range(5):
        labels = {**LABELS, "alertname": f"A{number}", "severity": ("page", "warning")[number % 2]}
        await post(api, body(alert(labels, began=later(number), ended=END)))
    everything = await history(api)
    assert [each["alertname"] for each in everything] == ["A4", "A3", "A2", "A1", "A0"]
    seen, query = [], "state=resolved&limit=2"
    while query:
        page = (await api.client.get(f"/monitoring/alerts?{query}", headers=METRICS_TOKEN)).json()
        seen += page["alerts"]
        query = page["next_cursor"] and f"state=resolved&limit=2&cursor={page['next_cursor']}"
    assert seen == everything
    assert [each["alertname"] for each in await history(api, severity="warning")] == ["A3", "A1"]
    assert [each["alertname"] for each in await history(api, alertname="A2")] == ["A2"]
    between = {"from": later(1).isoformat(), "to": later(3).isoformat()}
    assert [each["alertname"] for each in await history(api, **between)] == ["A2", "A1"]
    for wrong in ("cursor=x", "cursor=e30", "cursor=W10"):
        answer = await api.client.get(f"/monitoring/alerts?state=resolved&{wrong}", headers=METRICS_TOKEN)
        assert_problem(answer, 422, "cursor_invalid", "query.cursor")
    backwards = "from=2026-01-05T09:00:00Z&to=2026-01-05T08:00:00Z"
    answer = await api.client.get(f"/monitoring/alerts?{backwards}", headers=METRICS_TOKEN)
    assert_problem(answer, 422, "validation_failed", "query.to")


async def test_sentry_gets_one_issue_per_alert_without_secrets(api: Api, telemetry: Captured) -> None:
    secret = alert({**LABELS, "path": "/?token=s3cr3t-value&email=jo@example.org"})
    secret["annotations"]["description"] = "Ask jo@example.org, password=hunter2222."
    await post(api, body(secret))
    await post(api, body(secret, receiver="warnings"))
    await post(api, body(secret, receiver="escalation-second-line"))
    assert [event["tags"]["receiver"] for event in telemetry.errors] == ["on-call", "escalation-second-line"]
    event = telemetry.errors[0]
    assert event["fingerprint"] == ["LmsDown", secret["fingerprint"]]
    assert event["level"] == "fatal"
    assert (event["tags"]["service"], event["tags"]["owner"]) == ("lms", "platform")
    assert event["contexts"]["alert"]["runbook_url"] == "http://runbook.example"
    assert "jo@example.org" not in str(event)
    assert "hunter2222" not in str(event)


async def test_comments_and_the_cause_are_kept_and_audited(api: Api) -> None:
    await post(api, ENDED)
    admin, [found] = await api.admin(), await history(api)
    path = f"/monitoring/alerts/{found['id']}"
    answer = await admin.post(f"{path}/comments", {"text": " The disk was full. "})
    assert answer.status_code == 201, answer.text
    [note] = answer.json()["comments"]
    assert (note["by"], note["text"]) == (admin.id, "The disk was full.")
    for text in ("A deploy.", "A deploy without an index."):
        answer = await admin.put(f"{path}/cause", {"kind": "change", "text": text})
        assert answer.status_code == 200, answer.text
    assert (await shown(api, found["id"]))["cause"]["text"] == "A deploy without an index."
    entries = (await admin.get("/monitoring/audit")).json()["items"]
    assert [each["action"] for each in entries] == [
        "alert_cause_recorded",
        "alert_cause_recorded",
        "alert_commented",
    ]
    for _ in range(49):
        assert (await admin.post(f"{path}/comments", {"text": "More."})).status_code == 201
    assert_problem(await admin.post(f"{path}/comments", {"text": "Too much."}), 409, "too_many_comments")
    unknown = "/monitoring/alerts/20260105t085930411-0000000000000000"
    assert_problem(await admin.post(f"{unknown}/comments", {"text": "Who?"}), 404, "alert_unknown")
    assert_problem(await admin.get(unknown), 404, "alert_unknown")
    assert_problem(await admin.get("/monitoring/alerts/nothing"), 422, "validation_failed", "path.alert_id")


@pytest.mark.parametrize(
    ("what", "field", "says"),
    [
        ({"hello": "world"}, "body.version", "Field required"),
        ([], "body", "dictionary"),
        ({**FIRED, "version": "3"}, "body.version", "Input should be '4'"),
        ({**FIRED, "receiver": ""}, "body.receiver", "at least 1 character"),
        ({**FIRED, "alerts": []}, "body.alerts", "at least 1 item"),
        ({**FIRED, "alerts": [{}] * (MOST_ALERTS + 1)}, "body.alerts", "at most 500 items"),
        ({**FIRED, "truncatedAlerts": -1}, "body.truncatedAlerts", "greater than or equal to 0"),
        (
            body(alert({**LABELS, "path": "x" * 10_000})),
            "body.alerts.0.labels.path",
            "at most 4096 characters",
        ),
        (
            body(alert({**LABELS, **{f"l{number}": "" for number in range(80)}})),
            "body.alerts.0.labels",
            "at most 64 items",
        ),
        (
            body({**alert(LABELS), "fingerprint": "../../etc"}),
            "body.alerts.0.fingerprint",
            "should match pattern",
        ),
        (body({**alert(LABELS), "startsAt": "yesterday"}), "body.alerts.0.startsAt", "valid datetime"),
        (
            body({**alert(LABELS), "startsAt": "0001-01-01T00:00:00Z"}),
            "body.alerts.0.startsAt",
            "between the years 1970 and 2200",
        ),
        (
            body({**alert(LABELS, ended=END), "endsAt": "0001-01-01T00:00:00+12:00"}),
            "body.alerts.0.endsAt",
            "between the years 1970 and 2200",
        ),
    ],
)
async def test_a_body_that_is_not_alertmanagers_is_refused_by_name(
    api: Api, what: object, field: str, says: str
) -> None:
    answer = await post(api, what)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "validation_failed"
    [message] = [each["message"] for each in answer.json()["errors"] if each["field"] == field][:1]
    assert says in message
    assert await history(api) == []


async def test_a_million_alerts_are_refused_before_they_are_read(api: Api) -> None:
    many = b'{"version": "4", "alerts": [' + b"{}," * 1_000_000 + b"{}]}"
    headers = {**ALERTS_TOKEN, "Content-Type": "application/json"}
    answer = await api.client.post(WEBHOOK, content=many, headers=headers)
    assert_problem(answer, 413, "body_too_large")
    assert "larger than 1000000 bytes" in answer.json()["detail"]


async def test_a_wrong_token_is_refused_by_name(api: Api) -> None:
    wrong = {"Authorization": "Bearer alerts-token-of-somebody-else"}
    answer = await api.client.post(WEBHOOK, json=FIRED, headers=wrong)
    assert_problem(answer, 401, "alerts_token_wrong")
    assert "LMS_ALERTS_TOKEN" in answer.json()["detail"]
    assert_problem(await api.client.post(WEBHOOK, json=FIRED), 401, "not_authenticated")
    assert_problem(
        await api.client.post(WEBHOOK, json=FIRED, headers=METRICS_TOKEN), 403, "only_alertmanager"
    )
    assert_problem(await (await api.admin()).post(WEBHOOK, FIRED), 403, "only_alertmanager")
    assert_problem(await api.client.get("/monitoring/alerts", headers=ALERTS_TOKEN), 401, "token_invalid")


async def test_alerts_that_were_left_out_are_counted(api: Api, telemetry: Captured) -> None:
    assert (await post(api, {**FIRED, "truncatedAlerts": 7})).status_code == 204
    assert telemetry.value("lms.alert.notifications", {"outcome": "truncated"}) == 7
    [record] = [log for log in telemetry.logs if log.body == "alert_notification_truncated"]
    assert record.attributes["receiver"] == "on-call"


async def test_members_that_a_later_alertmanager_adds_are_no_mistake(api: Api) -> None:
    assert (await post(api, {**FIRED, "notificationReason": "first"})).status_code == 204
    assert START.isoformat() == FIRED["alerts"][0]["startsAt"]


def test_what_alertmanager_may_post_at_once_is_taken() -> None:
    """What is refused with 413 or 422 is not sent again."""
    text = (Path(__file__).parents[3] / "alertmanager" / "alertmanager.yml").read_text()
    [most] = re.findall(r"x-platform: &platform\n(?:  .*\n)*?  max_alerts: (\d+)", text)
    assert int(most) <= MOST_ALERTS
    assert int(most) * LARGE_ALERT < Settings.model_fields["body_limit_bytes"].default
