"""The history with the real Prometheus, Alertmanager, database and platform: what an outage leaves of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.app.monitoring.alert_notices import METRICS_TOKEN, WEBHOOK
from tests.app.monitoring.asked.watched import Watch, watching
from tests.app.people import ADMIN_EMAIL, ADMIN_PASSWORD
from tests.app.served import served_platform
from tests.backends import DatabaseServer, with_database
from tests.programs import free_port, wait_until

EXACT: Final = timedelta(milliseconds=1)


class Instance:
    """A platform's process, asked over HTTP."""

    def __init__(self, url: str, log: Path) -> None:
        self.log = log
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=30, trust_env=False)

    def alerts(self, **filters: str) -> list[dict[str, Any]]:
        """Returns the watched alerts that fire, or those of a state."""
        asked = {"alertname": "Watched", **filters}
        answer = self._client.get("/monitoring/alerts", params=asked, headers=METRICS_TOKEN)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["alerts"]
        return found

    def resolved(self, *kinds: str, number: int = 1) -> dict[str, Any]:
        """Returns the last alert that has ended, once there are so many and it has these steps."""

        def complete() -> bool:
            found = self.alerts(state="resolved")
            return len(found) == number and set(kinds) <= set(steps(found[0]))

        wait_until(complete, lambda: f"{number} with {kinds} in {self.alerts(state='resolved')}", 60)
        return self.alerts(state="resolved")[0]

    def firing(self, *kinds: str) -> dict[str, Any]:
        """Returns the alert that fires, once its history has these steps."""

        def complete() -> bool:
            found = self.alerts()
            return bool(found) and set(kinds) <= set(steps(found[0]))

        wait_until(complete, lambda: f"{kinds} in {self.alerts()}", 60)
        return self.alerts()[0]

    def acknowledge(self, fingerprint: str) -> dict[str, Any]:
        """Acknowledges the alert as the first admin."""
        account = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        access = self._client.post("/auth/login", json=account).json()["access_token"]
        answer = self._client.post(
            f"/monitoring/alerts/{fingerprint}/acknowledge",
            json={"comment": "I look at it."},
            headers={"Authorization": f"Bearer {access}"},
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def announced(self, kind: str) -> int:
        """Returns how often the process has written the event of a step of the watched alert."""
        lines = self.log.read_text().splitlines()
        return sum(f'"alert_{kind}"' in line and '"Watched"' in line for line in lines)

    def refused_a_notification(self) -> bool:
        """Tells whether Alertmanager was told to come again."""
        lines = self.log.read_text().splitlines()
        return any("/alerts/webhook" in line and "503" in line for line in lines)

    def close(self) -> None:
        self._client.close()


class World:
    """Prometheus, Alertmanager and a database, with platforms that come and go."""

    def __init__(self, folder: Path, watch: Watch, port: int, database: str, redis_url: str) -> None:
        self.watch = watch
        self.port = port
        self._folder = folder
        self._database = database
        self._redis_url = redis_url

    @contextmanager
    def platform(self, port: int | None = None, **environment: str) -> Iterator[Instance]:
        """Runs a platform; the one without a port is where Alertmanager posts."""
        values = {
            "MONGODB_URL": self._database,
            "LMS_PROMETHEUS_URL": self.watch.prometheus_url,
            "LMS_ALERTMANAGER_URL": self.watch.alertmanager_url,
            "LMS_STORES_SECONDS": "20",
            "LMS_ALERT_RECONCILE_SECONDS": "0.5",
            "LMS_DATABASE_SECONDS": "2",
            "LMS_ARGON2_MEMORY_KIB": "7168",
            "LMS_ARGON2_TIME_COST": "2",
            **environment,
        }
        folder = self._folder / secrets.token_hex(4)
        folder.mkdir()
        where = port or self.port
        with (
            served_platform(folder, self._database, self._redis_url, values, where) as (_, url, log),
            closing(Instance(url, log)) as instance,
        ):
            yield instance


@contextmanager
def world(folder: Path, database: str, redis_url: str) -> Iterator[World]:
    port = free_port()
    with watching(folder, f"http://127.0.0.1:{port}/api/v1{WEBHOOK}") as watch:
        yield World(folder, watch, port, database, redis_url)


@pytest.fixture
def around(tmp_path: Path, mongodb_url: str, redis_url: str) -> Iterator[World]:
    database = with_database(mongodb_url, f"history_{secrets.token_hex(6)}")
    with world(tmp_path, database, redis_url) as opened:
        yield opened


def steps(alert: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in alert["transitions"]]


def announced_once(kind: str, *instances: Instance) -> None:
    """A step is announced after it is stored: one that is read may be announced a moment later."""

    def times() -> int:
        return sum(each.announced(kind) for each in instances)

    wait_until(times, f"{kind} is announced")
    assert times() == 1, kind


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_life_to_the_second_with_its_acknowledgement(around: World) -> None:
    with around.platform() as lms:
        around.watch.fire()
        [sent] = around.watch.firing()
        alert = lms.firing("pending", "firing", "notified")
        silence = lms.acknowledge(alert["fingerprint"])
        assert lms.firing("acknowledged")["state"] == "acknowledged"
        around.watch.end()
        ended = lms.resolved("resolved")

        waited, fired = around.watch.samples("pending"), around.watch.samples("firing")
        assert abs(moment(ended["started_at"]) - moment(sent["startsAt"])) <= EXACT
        assert abs(moment(ended["started_at"]).timestamp() - fired[0]) <= EXACT.total_seconds()
        assert abs(moment(ended["pending_at"]).timestamp() - waited[0]) <= EXACT.total_seconds()
        # The rule is evaluated each second: the first evaluation that does not find it is the next one.
        assert abs(moment(ended["resolved_at"]).timestamp() - fired[-1] - 1) < 1
        assert moment(ended["acknowledged_at"]) == moment(silence["starts_at"])
        assert moment(ended["notified_at"]) >= moment(ended["started_at"])
        for kind in steps(ended):
            announced_once(kind, lms)


def test_what_happened_while_the_platform_was_down_is_recorded(around: World) -> None:
    with around.platform() as lms:
        first = lms.alerts(state="resolved")
    missed = around.watch.fired_and_ended()
    with around.platform() as lms:
        found = lms.resolved("pending", "firing", "resolved")
        assert first == []
        assert abs(moment(found["started_at"]) - moment(missed["startsAt"])) <= EXACT
        assert found["fingerprint"] == missed["fingerprint"]
        fired = around.watch.samples("firing")
        assert abs(moment(found["resolved_at"]).timestamp() - fired[-1] - 1) < 1


def test_a_restart_in_the_middle_of_an_alert_makes_no_second_record(around: World) -> None:
    with around.platform() as lms:
        around.watch.fire()
        before = lms.firing("firing", "notified")
    with around.platform() as lms:
        again = lms.firing("firing", "notified")
        assert (again["id"], again["notified_at"]) == (before["id"], before["notified_at"])
        around.watch.end()
        assert lms.resolved("resolution_sent")["id"] == before["id"]


def test_two_instances_record_and_announce_once(around: World) -> None:
    with around.platform() as one, around.platform(free_port()) as two:
        around.watch.fire()
        two.firing("pending", "firing", "notified")
        around.watch.end()
        ended = two.resolved("resolved", "resolution_sent")
        assert one.resolved() == ended
        for kind in steps(ended):
            announced_once(kind, one, two)


def test_the_other_instance_takes_over(around: World) -> None:
    with around.platform(free_port()) as two:
        with around.platform():
            pass
        around.watch.fired_and_ended()
        assert steps(two.resolved("firing", "resolved"))[:2] == ["pending", "firing"]


def test_alertmanager_restarted_is_no_resolution(around: World) -> None:
    with around.platform() as lms:
        around.watch.fire()
        before = lms.firing("firing", "notified")
        around.watch.alertmanager.stop()
        around.watch.alertmanager = around.watch.start_alertmanager()
        wait_until(lambda: bool(around.watch.firing()), "Prometheus has sent the alert again")
        assert lms.firing("firing")["id"] == before["id"]
        around.watch.end()
        assert lms.resolved("resolved")["id"] == before["id"]


def test_nothing_is_lost_while_the_database_is_away(
    tmp_path: Path, own_database: DatabaseServer, redis_url: str
) -> None:
    with world(tmp_path, own_database.url, redis_url) as around, around.platform() as lms:
        own_database.crash()
        around.watch.fire()
        [alert] = lms.alerts()
        assert alert["transitions"] == []
        wait_until(lms.refused_a_notification, "a notification was refused")
        around.watch.end()
        away = datetime.now(UTC)
        own_database.start()
        found = lms.resolved("firing", "notified", "resolved", "resolution_sent")
        assert abs(moment(found["started_at"]) - moment(alert["started_at"])) <= EXACT
        assert moment(found["notified_at"]) < away


@pytest.fixture
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with DatabaseServer(tmp_path_factory.mktemp("own-database")) as server:
        yield server
