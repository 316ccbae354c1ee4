"""The comparison by itself: a real Alertmanager of the test's own, the database, and perhaps a Prometheus."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from app.core.clock import SystemClock
from app.infra.mongo import Database
from app.infra.stores import Alertmanager, Prometheus, StoreClient, Stores
from app.infra.stores.client import LARGEST_ANSWER, Login
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.reconcile import Reconciler
from app.monitoring.alerts.records import AlertRecord, fingerprint_of
from app.monitoring.alerts.repository import AlertRepository, ReconcilerLease
from stack.native import logins
from stack.native.tools import tool_path
from tests.app.infra.stores.conftest import PASSWORD, run_alertmanager
from tests.programs import free_port, running, wait_until

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Comparison:
    """A history, and what compares it with the programs."""

    database: Database
    history: AlertHistory
    lease: ReconcilerLease
    reconciler: Reconciler
    alertmanager: httpx.Client

    async def run(self) -> None:
        await self.reconciler.run()

    async def records(self, labels: Mapping[str, str]) -> list[AlertRecord]:
        """Returns the records of an alert, the newest first."""
        return await self.history.repository.of(fingerprint_of(labels), 10)

    def post(
        self, *labels: Mapping[str, str], began: datetime, ends: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Posts alerts as Prometheus does, and waits until Alertmanager lists them, or no more."""
        until = ends or datetime.now(UTC) + HOUR
        about = {"annotations": {"summary": "about it"}, "startsAt": began.isoformat()}
        body = [{"labels": each, **about, "endsAt": until.isoformat()} for each in labels]
        self.alertmanager.post("/api/v2/alerts", json=body).raise_for_status()
        wanted = {fingerprint_of(each) for each in labels}

        def known() -> bool:
            found = {each["fingerprint"]: each["status"]["state"] for each in self.listed()}
            if ends is not None and ends <= datetime.now(UTC):
                return not wanted & found.keys()
            return wanted <= found.keys() and "unprocessed" not in {found[each] for each in wanted}

        wait_until(known, "Alertmanager has the alerts")
        return self.listed()

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.alertmanager.get("/api/v2/alerts").json()
        return found

    def silence(self, **matcher: object) -> str:
        """Silences alerts for an hour, and returns the silence's id."""
        now = datetime.now(UTC)
        times = {"startsAt": now.isoformat(), "endsAt": (now + HOUR).isoformat()}
        matchers = [{"isRegex": False, "isEqual": True, **matcher}]
        body = {"matchers": matchers, "createdBy": "somebody", "comment": "I look.", **times}
        answer = self.alertmanager.post("/api/v2/silences", json=body).raise_for_status()
        return str(answer.json()["silenceID"])

    def expire(self, silence: str) -> None:
        self.alertmanager.delete(f"/api/v2/silence/{silence}").raise_for_status()


@asynccontextmanager
async def comparing(
    folder: Path, mongodb_url: str, prometheus_url: str = "", largest: int = LARGEST_ANSWER
) -> AsyncIterator[Comparison]:
    """Opens one on an Alertmanager of its own; no answer may be larger than ``largest`` bytes."""
    with contextmanager(run_alertmanager)(folder) as url:
        database = Database(mongodb_url, seconds=20)
        login = Login(logins.USER, PASSWORD)
        asked = StoreClient("alertmanager", url, seconds=20, login=login)
        metrics = StoreClient("prometheus", prometheus_url, seconds=20, largest=largest)
        history = AlertHistory(AlertRepository(database), SystemClock(), days=90)
        lease = ReconcilerLease(database, "one", HOUR)
        stores = Stores(Prometheus(metrics) if prometheus_url else None, Alertmanager(asked))
        with httpx.Client(base_url=url, auth=(login.user, login.password), timeout=20) as client:
            yield Comparison(database, history, lease, Reconciler(history, lease, stores), client)
        await asked.close()
        await metrics.close()
        database.close()


def firing_samples(labels: Mapping[str, str], times: Iterable[float]) -> Iterator[str]:
    """Yields the samples of an alert that fires, as text."""
    named = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return (f'ALERTS{{{named},alertstate="firing"}} 1 {each:.3f}' for each in times)


@contextmanager
def remembering(folder: Path, samples: Iterable[str]) -> Iterator[str]:
    """Runs a Prometheus that has these samples, and yields its address."""
    (folder / "samples").write_text("\n".join([*samples, "# EOF\n"]))
    command = ["tsdb", "create-blocks-from", "openmetrics", "--quiet", folder / "samples", folder / "data"]
    subprocess.run([str(each) for each in (tool_path("promtool"), *command)], check=True, timeout=120)
    (folder / "prometheus.yml").write_text("global: {}")
    where = f"127.0.0.1:{free_port()}"
    program = [
        str(tool_path("prometheus")),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={where}",
    ]
    with running(program, f"http://{where}/-/ready"):
        yield f"http://{where}"
