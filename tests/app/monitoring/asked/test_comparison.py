"""The comparison with Alertmanager: one bad alert stops no other, and a thousand hold nobody up."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import pytest

from app.monitoring.alerts.records import AlertState, Kind, record_id
from otel.testing import Captured
from tests.app.monitoring.asked.alerting import named
from tests.app.monitoring.asked.compared import Comparison, comparing, firing_samples, remembering

AGO = timedelta(seconds=1)
STEP = 15


pytestmark = pytest.mark.usefixtures("telemetry")


@pytest.fixture(name="compared")
async def _compared(tmp_path: Path, empty_mongodb_url: str) -> AsyncIterator[Comparison]:
    async with comparing(tmp_path, empty_mongodb_url) as opened:
        yield opened


def recently(seconds: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - seconds * AGO


def labels_of(**others: str) -> dict[str, str]:
    return {"alertname": named(), "severity": "page", **others}


async def test_text_that_no_database_stores_is_recorded_without_it(
    compared: Comparison, telemetry: Captured
) -> None:
    odd, other = labels_of(path="a\0b"), labels_of()
    compared.post(odd, other, began=recently(60))
    await compared.run()
    [stored] = await compared.records(odd)
    assert {each.name: each.value for each in stored.labels}["path"] == "a\N{REPLACEMENT CHARACTER}b"
    assert len(await compared.records(other)) == 1
    assert telemetry.value("lms.alert.reconciliations", {"outcome": "failed"}) == 0


async def test_an_alert_that_cannot_be_recorded_stops_no_other(
    compared: Comparison, telemetry: Captured
) -> None:
    """Another version of the platform has stored what this one cannot read."""
    labels = [labels_of() for _ in range(5)]
    for alert in compared.post(*labels, began=recently(60))[:2]:
        id_ = record_id(alert["fingerprint"], datetime.fromisoformat(alert["startsAt"]))
        unreadable = {"_id": id_, "fingerprint": alert["fingerprint"], "is_open": True}
        await compared.database.collection("alerts").insert(unreadable)
    await compared.run()
    found = [record for each in labels for record in await compared.records(each)]
    assert len(found) == 3
    assert [log.body for log in telemetry.logs].count("alert_not_recorded") == 2
    assert telemetry.value("lms.alert.reconciliations", {"outcome": "partial"}) == 1


async def test_the_work_grows_with_the_alerts_and_not_with_their_square(
    compared: Comparison, telemetry: Captured
) -> None:
    async def unchanged(number: int) -> tuple[int, int]:
        compared.post(*(labels_of() for _ in range(number)), began=recently(60))
        await compared.run()
        before = len(telemetry.spans)
        calls = await calls_of(compared.run)
        return calls, len(telemetry.spans) - before

    few_calls, few_questions = await unchanged(20)
    many_calls, many_questions = await unchanged(60)  # 80 in all
    assert many_questions == few_questions > 0
    assert 2 * few_calls < many_calls < 5 * few_calls


async def calls_of(run: Callable[[], object]) -> int:
    """Returns how many functions of the history of alerts are called."""
    number = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal number
        number += event == "call" and "monitoring/alerts" in frame.f_code.co_filename

    sys.setprofile(count)
    try:
        await run()  # type: ignore[misc]  # a coroutine's function
    finally:
        sys.setprofile(None)
    return number


async def test_an_alert_that_fires_again_without_a_resolution_is_another(
    compared: Comparison, telemetry: Captured
) -> None:
    labels = labels_of()
    compared.post(labels, began=recently(300))
    await compared.run()
    compared.post(labels, began=recently(300), ends=recently(60))
    again = recently(30)
    compared.post(labels, began=again)
    await compared.run()
    newest, oldest = await compared.records(labels)
    assert (oldest.is_open, oldest.resolved_at) == (False, again)
    assert (newest.is_open, newest.flapping) == (True, True)
    assert telemetry.value("lms.alert.flaps", {"severity": "page"}) == 1


async def test_the_end_between_is_the_sample_that_is_missing(
    tmp_path: Path, empty_mongodb_url: str, telemetry: Captured
) -> None:
    labels, first = labels_of(), recently(600)
    again = first + 420 * AGO
    times = [first.timestamp() + STEP * step for step in range(600 // STEP)]
    times.remove(again.timestamp() - STEP)
    (tmp_path / "memory").mkdir()
    with remembering(tmp_path / "memory", firing_samples(labels, times)) as prometheus:
        async with comparing(tmp_path, empty_mongodb_url, prometheus) as compared:
            compared.post(labels, began=first)
            await compared.run()
            compared.post(labels, began=first, ends=again - STEP * AGO)
            compared.post(labels, began=again)
            for _ in range(3):
                await compared.run()
            newest, oldest = await compared.records(labels)
            assert (newest.started_at, newest.is_open) == (again, True)
            assert (oldest.started_at, oldest.resolved_at) == (first, again - STEP * AGO)
    assert telemetry.value("lms.alert.flaps", {"severity": "page"}) == 1


@pytest.mark.parametrize("how", [{"isRegex": False}, {"isRegex": True}])
async def test_a_silence_ends_in_the_history_too(compared: Comparison, how: dict[str, bool]) -> None:
    labels = labels_of()
    compared.post(labels, began=recently(60))
    silence = compared.silence(name="alertname", value=labels["alertname"], **how)
    await compared.run()
    [record] = await compared.records(labels)
    assert record.state is AlertState.ACKNOWLEDGED
    compared.expire(silence)
    await compared.run()
    [record] = await compared.records(labels)
    assert record.state is AlertState.ACTIVE
    assert record.first(Kind.SILENCE_ENDED) is not None
