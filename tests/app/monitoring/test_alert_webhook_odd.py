"""Notifications that are odd: what no database stores, what cannot be read, what fires again."""

from __future__ import annotations

from typing import Final

import pytest

from app.monitoring.alerts.records import record_id
from otel.testing import Captured
from tests.app.monitoring.alert_notices import START, alert, body, history, later, post
from tests.app.people import Api

LABELS: Final = {"alertname": "LmsDown", "severity": "page", "service_name": "lms", "owner": "platform"}
END: Final = later(90)


async def test_text_that_no_database_stores_is_replaced_and_not_refused(api: Api) -> None:
    """What is refused, Alertmanager does not send again: the whole group would be lost."""
    odd = {**LABELS, "path": "a\0b"}
    assert (await post(api, body(alert(odd, ended=END), alert(LABELS, ended=END)))).status_code == 204
    assert {each["labels"].get("path") for each in await history(api)} == {
        None,
        "a\N{REPLACEMENT CHARACTER}b",
    }
    comment = await (await api.admin()).post("/monitoring/alerts/3f9ad2c4b1e05d6f/comments", {"text": "\0"})
    assert comment.status_code == 422


async def test_an_alert_that_cannot_be_recorded_loses_no_other(api: Api, telemetry: Captured) -> None:
    """Another version of the platform has stored what this one cannot read."""
    other = alert({**LABELS, "alertname": "Other"}, ended=END)
    found = alert(LABELS, ended=END)
    unreadable = {"_id": record_id(found["fingerprint"], START), "fingerprint": found["fingerprint"]}
    await api.app.state.alert_history.repository._alerts.insert(unreadable)
    assert (await post(api, body(found, other))).status_code == 204
    assert [each["alertname"] for each in await history(api)] == ["Other"]
    assert telemetry.value("lms.alert.notifications", {"outcome": "refused"}) == 1


@pytest.mark.parametrize("late", [False, True])
async def test_where_an_alert_fires_again_the_time_before_has_ended(
    api: Api, telemetry: Captured, *, late: bool
) -> None:
    first, second = body(alert(LABELS)), body(alert(LABELS, began=later(120), ended=later(180)))
    for each in (second, first) if late else (first, second):
        assert (await post(api, each)).status_code == 204
    newest, oldest = await history(api)
    assert oldest["resolved_at"] == newest["started_at"]
    assert telemetry.value("lms.alert.flaps", {"severity": "page"}) == (0 if late else 1)
