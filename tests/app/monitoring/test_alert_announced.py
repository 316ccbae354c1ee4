"""Each step is announced, though the database be away, its answer be lost, or the process be killed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Final

import pytest

from app.infra.mongo import Database
from app.infra.stores import Stores
from app.infra.stores.alertmanager import Alertmanager
from app.infra.stores.client import StoreClient
from app.monitoring.alerts import life
from app.monitoring.alerts.announce import LATE
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.reconcile import Reconciler
from app.monitoring.alerts.records import Source
from app.monitoring.alerts.repository import AlertRepository, ReconcilerLease
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.monitoring.alert_notices import START, alert, body, history, later, post
from tests.app.people import Api
from tests.backends import DatabaseServer

LABELS: Final = {"alertname": "MongodbDown", "severity": "page", "service_name": "mongodb"}
FIRED: Final = body(alert(LABELS))
SECOND: Final = timedelta(seconds=1)


@pytest.fixture(name="own_database", scope="module")
def _own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with DatabaseServer(tmp_path_factory.mktemp("own-database")) as server:
        yield server


@pytest.fixture(name="lms")
async def _lms(
    own_database: DatabaseServer, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> AsyncIterator[Api]:
    settings = make_settings(own_database.url, empty_redis_url, database_seconds=2)
    async with serving(settings, telemetry, clock) as served:
        yield served


async def test_sentry_hears_of_the_database_while_it_is_down(
    lms: Api, own_database: DatabaseServer, telemetry: Captured, clock: FixedClock
) -> None:
    own_database.crash()
    at = clock.now()
    try:
        for receiver in ("on-call", "on-call", "warnings", "escalation-second-line"):
            assert (await post(lms, {**FIRED, "receiver": receiver})).status_code == 503
        states = [event["tags"]["alert.state"] for event in telemetry.errors]
        assert states == ["fires", "was escalated"]
        assert str(telemetry.errors[0]["timestamp"]).startswith(at.isoformat()[:19])
    finally:
        own_database.start()
    clock.advance(600 * SECOND)
    await lms.app.state.alert_history.retry()
    assert (await post(lms, body(alert(LABELS, ended=later(90))))).status_code == 204
    [found] = await history(lms, alertname="MongodbDown")
    assert found["notified_at"] == at.isoformat().replace("+00:00", "Z")
    states = [event["tags"]["alert.state"] for event in telemetry.errors]
    assert states == ["fires", "was escalated", "is resolved"]


async def test_what_a_killed_process_stored_is_announced_by_another(
    empty_mongodb_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    """The repository stores as a process does that is killed before it announces."""
    database = Database(empty_mongodb_url, seconds=20)
    repository = AlertRepository(database)
    away = StoreClient("alertmanager", "http://127.0.0.1:9", seconds=1)
    survivor = AlertHistory(repository, clock, days=90)
    lease = ReconcilerLease(database, "two", timedelta(hours=1))
    reconciler = Reconciler(survivor, lease, Stores(None, Alertmanager(away)))
    firing = life.Firing("00112233445566aa", LABELS, {}, START)
    record = life.notified(life.begun(firing), "on-call", later(5), resolved=False)
    await repository.change(firing.id, lambda _: record)
    await reconciler.run()
    assert telemetry.value("lms.alert.transitions") == 0
    clock.advance(LATE)
    for _ in range(2):
        await reconciler.run()
    assert telemetry.value("lms.alert.transitions", {"kind": "notified"}) == 1
    assert telemetry.value("lms.alert.time_to_notify") == 1
    assert [log.body for log in telemetry.logs].count("alert_firing") == 1
    assert [event["tags"]["alert.state"] for event in telemetry.errors] == ["fires"]

    await repository.change(
        firing.id, lambda each: each and life.resolved(each, later(60), Source.PROMETHEUS)
    )
    await reconciler.run()
    clock.advance(LATE)
    await reconciler.run()
    assert telemetry.value("lms.alert.transitions", {"kind": "firing"}) == 1
    assert telemetry.value("lms.alert.time_to_resolve") == 1
    assert await repository.unsaid() == []
    await away.close()
    database.close()
