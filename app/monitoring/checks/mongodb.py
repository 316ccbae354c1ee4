"""The database: whether it answers, takes a write, and how many of its connections are in use."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from typing import Final

from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.infra.mongo import Database, DatabaseFacts, DuplicateId
from app.infra.resources import Resources
from app.monitoring.health_check import Check, Measurement, Status, at_most

ADVICE: Final = (
    "Restart the database if it does not run (`make status`), else see why this machine cannot reach it."
)
_REFUSED: Final = (
    "Learners can read but not enrol or submit: see the database's log for why it refuses writes."
)
_BUSY: Final = "Look for slow queries (`slow_query` records) before you add workers or connections."
_SLOTS: Final = 64
_MS: Final = 1000


class MongodbProbe:
    """Pings the database, writes a document that a majority must have on disk, and counts connections.

    Instances share 64 documents of the collection ``health``, so that it does not grow. A refused write is
    a warning: what is read can still be served.
    """

    def __init__(self, database: Database, clock: Clock, instance: str, *, most_in_use: float) -> None:
        self._database = database
        self._beats = database.collection("health")
        self._clock = clock
        self._instance = instance
        self._most_in_use = most_in_use

    async def __call__(self) -> Sequence[Measurement]:
        """Measures round trip, write, connections and version.

        Raises:
            DatabaseUnavailable: It does not answer.
            DatabaseRefused: It answered and rejected our credentials.
        """
        started = time.perf_counter()
        await self._database.ping()
        answered = time.perf_counter()
        written = await self._write(answered)
        facts = await self._database.facts()
        return [
            Measurement("responseTime", (answered - started) * _MS, "ms"),
            written,
            _connections(facts, self._most_in_use),
            Measurement("operationsWaiting", facts.waiting, "{operation}"),
            Measurement("serverVersion", facts.version),
        ]

    async def _write(self, started: float) -> Measurement:
        try:
            await self._beat()
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the server says against it is the result
            output = f"The database refuses a write ({type(error).__name__})."
            return Measurement("write", type(error).__name__, None, Status.WARN, output, _REFUSED)
        return Measurement("write", (time.perf_counter() - started) * _MS, "ms")

    async def _beat(self) -> None:
        slot = {"_id": f"beat-{zlib.crc32(self._instance.encode()) % _SLOTS}"}
        beat = {"instance": self._instance, "at": self._clock.now()}
        while not await self._beats.update(slot, {"$set": beat}):
            try:
                await self._beats.insert({**slot, **beat})
            except DuplicateId:  # another instance of this slot was first
                continue
            return


def _connections(facts: DatabaseFacts, most: float) -> Measurement:
    share = facts.in_use / facts.most
    output = f"{facts.in_use} of {facts.most} connections are in use, {facts.waiting} are awaited."
    return at_most("connectionsInUse", share, most, unit="1", output=output, advice=_BUSY)


def check(settings: Settings, resources: Resources, clock: Clock, instance: str) -> Check:
    """Returns the check of the database, the one critical check."""
    database, most = resources.database, settings.health_max_pool
    return Check(
        "mongodb",
        MongodbProbe(database, clock, instance, most_in_use=most),
        ADVICE,
        interval=settings.health_seconds,
        limit=settings.health_limit_seconds,
        kind="datastore",
        critical=True,
        immediate=True,
    )
