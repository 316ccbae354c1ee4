"""The database: whether it answers, takes a write, and how many of its connections are in use."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from app.core.clock import Clock
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.infra.mongo import Connections, Database, DatabaseRefused, DuplicateId
from app.infra.resources import Resources
from app.monitoring.health_check import Check, Measurement, Status, at_most, kind_of

ADVICE: Final = (
    "Restart the database if it does not run (`make status`), else see why this machine cannot reach it."
)
_REFUSED: Final = (
    "Learners can read but not enrol or submit: see the database's log for why it refuses writes."
)
_BUSY: Final = "Look for slow queries (`slow_query` records) before you add workers or connections."
_STUCK: Final = "Look for slow queries (`slow_query` records); if there are none, restart the database."
_LOGIN: Final = "Correct the user and password in MONGODB_URL, or what the database lets this user do."
_SLOTS: Final = 64
_MS: Final = 1000


class MongodbProbe:
    """Pings the database, writes a document that a majority must have on disk, and counts connections.

    Instances share 64 documents of the collection ``health``, so that it does not grow. A refused write is
    a warning: what is read can still be served. When its connections are in use, a ping alone must do, and
    end within half of ``limit`` seconds, so that the run can say why the database does not answer.
    """

    def __init__(
        self, database: Database, clock: Clock, instance: str, *, most_in_use: float, limit: float
    ) -> None:
        self._database = database
        self._beats = database.collection("health")
        self._clock = clock
        self._instance = instance
        self._most_in_use = most_in_use
        self._limit = limit

    async def __call__(self) -> Sequence[Measurement]:
        """Measures connections, round trip, write and version.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        now = self._database.connections()
        in_use = _connections(now, self._most_in_use)
        waiting = Measurement("operationsWaiting", now.waiting, "{operation}")
        try:
            if in_use.status is Status.PASS:
                return [*await self._answers(), in_use, waiting]
            return [await self._answers_soon(in_use), waiting]
        except DatabaseRefused as error:
            kind, output = type(error).__name__, f"The database rejects the platform: {error}."
            return [Measurement("responseTime", kind, None, Status.FAIL, output, _LOGIN, kind)]

    async def _answers(self) -> Sequence[Measurement]:
        started = time.perf_counter()
        await self._database.ping()
        answered = time.perf_counter()
        return [
            Measurement("responseTime", (answered - started) * _MS, "ms"),
            await self._write(answered),
            Measurement("serverVersion", await self._database.version()),
        ]

    async def _answers_soon(self, in_use: Measurement) -> Measurement:
        """Returns the measurement; it fails if no connection is free in time for a ping."""
        try:
            async with asyncio.timeout(self._limit / 2):
                await self._database.ping()
        except (DatabaseUnavailable, TimeoutError) as error:
            return replace(in_use, status=Status.FAIL, advice=_STUCK, error=kind_of(error))
        return in_use

    async def _write(self, started: float) -> Measurement:
        try:
            await self._beat()
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the server says against it is the result
            output = f"The database refuses a write ({type(error).__name__})."
            kind = type(error).__name__
            return Measurement("write", kind, None, Status.WARN, output, _REFUSED, kind)
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


def _connections(now: Connections, most: float) -> Measurement:
    share = now.in_use / now.most
    output = f"{now.in_use} of {now.most} connections are in use, {now.waiting} are awaited."
    return at_most("connectionsInUse", share, most, unit="1", output=output, advice=_BUSY)


def check(settings: Settings, resources: Resources, clock: Clock, instance: str) -> Check:
    """Returns the check of the database, the one critical check."""
    database, most, limit = resources.database, settings.health_max_pool, settings.health_limit_seconds
    return Check(
        "mongodb",
        MongodbProbe(database, clock, instance, most_in_use=most, limit=limit),
        ADVICE,
        interval=settings.health_seconds,
        limit=limit,
        kind="datastore",
        critical=True,
        immediate=True,
    )
