"""After a long outage Prometheus remembers more than an answer holds: it is read in parts, and in turns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from app.infra.stores import Prometheus, StoreClient
from app.monitoring.alerts.lookback import remembered
from tests.app.monitoring.asked.compared import comparing, firing_samples, remembering

NOW: Final = int(time.time())
FIRED: Final = {f"Fired{hour}": NOW - hour * 3600 for hour in range(2, 22, 2)}
LASTED: Final = 1800
STEP: Final = 15
DAY: Final = timedelta(days=1)
pytestmark = pytest.mark.usefixtures("telemetry")


def labels_of(name: str) -> dict[str, str]:
    return {"alertname": name, "severity": "page"}


@pytest.fixture(name="prometheus_url", scope="module")
def _prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    samples = [
        sample
        for name, began in FIRED.items()
        for sample in firing_samples(labels_of(name), range(began, began + LASTED, STEP))
    ]
    with remembering(tmp_path_factory.mktemp("memory"), samples) as url:
        yield url


async def test_an_answer_that_is_too_large_is_read_in_halves(
    tmp_path: Path, empty_mongodb_url: str, prometheus_url: str
) -> None:
    one_alert = LASTED // STEP * len(f'[{NOW},"1"],')
    async with comparing(tmp_path, empty_mongodb_url, prometheus_url, largest=one_alert) as compared:
        await compared.run()
        for name, began in FIRED.items():
            [record] = await compared.records(labels_of(name))
            assert record.started_at.timestamp() == began
            assert record.resolved_at is not None
            assert record.resolved_at.timestamp() == began + LASTED
        complete = await compared.lease.complete_until()
        assert complete is not None
        assert complete.timestamp() >= NOW


async def test_what_is_too_much_for_once_is_read_in_turns(prometheus_url: str) -> None:
    client = StoreClient("prometheus", prometheus_url, seconds=20)
    since, turns, ends = datetime.now(UTC) - DAY, 0, set()
    complete = False
    while not complete:
        found = await remembered(Prometheus(client), since, most=1)
        assert found.now > since
        since, complete, turns = found.now, found.is_complete, turns + 1
        ends |= {(each.labels["alertname"], each.end) for each in found.episodes if each.end is not None}
    assert turns > 3
    assert {name for name, _ in ends} == FIRED.keys()
    await client.close()
