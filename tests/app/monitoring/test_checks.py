"""Each check on the real dependency: killed, full, slow, lying, and well again."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from app.core.clock import SystemClock
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.infra.mongo import Database, DatabaseFacts
from app.infra.redis import RedisClient, RedisUnavailable
from app.monitoring.checks import mongodb, system
from app.monitoring.checks.file_system import FileSystemProbe, Trend
from app.monitoring.checks.mongodb import MongodbProbe
from app.monitoring.checks.redis import RedisProbe
from app.monitoring.checks.system import LoopLag, SystemProbe
from app.monitoring.health_check import Measurement, Status
from tests.app.conftest import make_settings
from tests.backends import DatabaseServer, RedisServer
from tests.programs import wait

HOUR = 3600.0
GIB = 2.0**30


def by_name(measured: Sequence[Measurement]) -> dict[str, Measurement]:
    return {each.name: each for each in measured}


def wrong(measured: Sequence[Measurement]) -> list[str]:
    """Returns the names of what is wrong; each says so, and what to do."""
    bad = [each for each in measured if each.status is not Status.PASS]
    assert all(each.output and each.advice for each in bad)
    return [each.name for each in bad]


class Hand:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- MongoDB ---


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with DatabaseServer(tmp_path_factory.mktemp("own-database")) as server:
        yield server


@contextmanager
def probing(url: str, *, seconds: float = 20, most: float = 0.9) -> Iterator[tuple[Database, MongodbProbe]]:
    database = Database(url, seconds=seconds)
    yield database, MongodbProbe(database, SystemClock(), "lms-1-0", most_in_use=most)
    database.close()


async def test_mongodb_is_measured(empty_mongodb_url: str) -> None:
    with probing(empty_mongodb_url) as (database, probe):
        first, second = by_name(await probe()), by_name(await probe())
        assert wrong(list(second.values())) == []
        assert first["responseTime"].value > 0  # type: ignore[operator]  # it is a number
        assert second["write"].unit == "ms"
        assert second["serverVersion"].value
        assert second["operationsWaiting"].value == 0
        [beat] = await database.collection("health").find({})
        assert beat["instance"] == "lms-1-0"


async def test_beats_are_bounded(empty_mongodb_url: str) -> None:
    with probing(empty_mongodb_url) as (database, _):
        for number in range(100):
            await MongodbProbe(database, SystemClock(), f"lms-{number}", most_in_use=0.9)()
        assert len(await database.collection("health").find({})) <= 64


async def test_connections_in_use_and_those_who_wait_are_counted(
    own_database: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.infra.mongo.MOST_CONNECTIONS", 2)
    with probing(own_database.url) as (database, _):
        await database.ping()
        things = database.collection("things")
        own_database.freeze()
        try:
            reads = [asyncio.create_task(things.find_one({})) for _ in range(5)]
            await wait(lambda: database.connections() == (2, 2, 3), "two are in use, three are awaited")
        finally:
            own_database.thaw()
        await asyncio.gather(*reads)
        facts = await database.facts()
    crowded = DatabaseFacts(facts.version, in_use=2, most=2, waiting=3)
    measured = mongodb._connections(crowded, 0.9)
    assert wrong([measured]) == ["connectionsInUse"]
    assert measured.output == "2 of 2 connections are in use, 3 are awaited."


async def test_a_database_that_dies_is_unavailable(own_database: DatabaseServer) -> None:
    with probing(own_database.url, seconds=0.5) as (_, probe):
        own_database.crash()
        try:
            with pytest.raises(DatabaseUnavailable):
                await probe()
        finally:
            own_database.start()
        await probe()


async def test_a_refused_write_is_a_warning(empty_mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is too long is refused by the server, as any write to one that is read-only."""
    with probing(empty_mongodb_url) as (database, _):
        real = database.collection

        def refused(_name: str) -> Any:  # noqa: ANN401 - a collection
            return real("x" * 400)

        monkeypatch.setattr(database, "collection", refused)
        probe = MongodbProbe(database, SystemClock(), "lms-1-0", most_in_use=0.9)
        measured = await probe()
        assert wrong(measured) == ["write"]
        assert by_name(measured)["write"].status is Status.WARN


@asynccontextmanager
async def server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serves on a free port, and drops its connections at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    async with await asyncio.start_server(kept, "127.0.0.1", 0) as served:
        yield served.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


async def test_a_database_that_accepts_and_says_nothing_is_unavailable() -> None:
    async with server(says_nothing) as port:
        hanging = probing(f"mongodb://127.0.0.1:{port}/lms", seconds=0.2)
        with hanging as (_, probe), pytest.raises(DatabaseUnavailable):
            await probe()


# --- Redis ---


@asynccontextmanager
async def probing_redis(url: str, clock: Hand | None = None) -> AsyncIterator[RedisProbe]:
    client = RedisClient(url, seconds=10)
    try:
        yield RedisProbe(client, most_memory=0.9, monotonic=clock or Hand())
    finally:
        await client.close()


async def test_redis_is_measured_dies_and_recovers(own_redis: RedisServer) -> None:
    async with probing_redis(own_redis.url) as probe:
        measured = by_name(await probe())
        assert wrong(list(measured.values())) == []
        assert measured["memoryUsed"].unit == "By"  # no maximum
        assert measured["persistence"].value == "ok"
        own_redis.stop()
        with pytest.raises(RedisUnavailable):
            await probe()
        own_redis.start()
        assert wrong(await probe()) == []


async def test_a_full_redis_that_evicts_is_a_warning(own_redis: RedisServer) -> None:
    clock = Hand()
    async with probing_redis(own_redis.url, clock) as probe:
        await probe()
        with redis.Redis.from_url(own_redis.url) as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory", used + 300_000)
            client.config_set("maxmemory-policy", "allkeys-lru")
            for number in range(100):
                client.set(f"key-{number}", b"x" * 10_000)
        clock.now += 60
        assert wrong(await probe()) == ["memoryUsed", "evictions"]
        clock.now += 60
        assert "evictions" not in wrong(await probe())


async def test_a_redis_that_cannot_save_is_a_warning(own_redis: RedisServer, tmp_path: Path) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        (tmp_path / "dump.rdb").mkdir()  # a file cannot be renamed to it
        client.set("key", "value")
        client.bgsave()
        await wait(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a save failed")
        async with probing_redis(own_redis.url) as probe:
            assert wrong(await probe()) == ["persistence"]
            (tmp_path / "dump.rdb").rmdir()
            client.bgsave()
            await wait(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok", "a save works")
            assert wrong(await probe()) == []


GARBAGE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b":not a number\r\n",
    b"$abc\r\n",
    b"$99999999999999999999\r\n",
    b"\x00\xff\xfe\r\n",
    b"*-5\r\n",
    b"+OK\r\n",
    b"$4\r\nabcd\r\n",
    b"$1\r\n\xff\r\n",
    b"%1\r\n",
]


@pytest.mark.parametrize("said", GARBAGE)
async def test_a_redis_that_answers_garbage_fails(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            writer.write(said)

    async with server(talk) as port:
        client = RedisClient(f"redis://127.0.0.1:{port}/0", seconds=0.2)
        with pytest.raises((RedisUnavailable, KeyError)):  # what it understands lacks a Redis' figures
            await RedisProbe(client, most_memory=0.9)()
        with pytest.raises(RedisUnavailable):
            await client.get_many("one", "two", "three")
        await client.close()
        del client
        gc.collect()  # connections that the client gave up


# --- the disk ---


def disk(folder: Path, **changes: Any) -> FileSystemProbe:  # noqa: ANN401 - the probe's thresholds
    return FileSystemProbe(
        folder, **{"least_free": 0.000001, "least_hours": 0, "trend": Trend(Hand()), **changes}
    )


async def test_the_disk_is_written_and_nothing_stays(tmp_path: Path) -> None:
    measured = await disk(tmp_path)()
    assert wrong(measured) == []
    assert by_name(measured)["responseTime"].unit == "ms"
    assert {each.name for each in tmp_path.iterdir()} == set()  # noqa: ASYNC240 - a folder in memory


async def test_a_missing_folder_fails_and_recovers(tmp_path: Path) -> None:
    probe = disk(tmp_path / "later")
    with pytest.raises(FileNotFoundError):
        await probe()
    (tmp_path / "later").mkdir()
    assert wrong(await probe()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = [shutil.which("mount") or "", "-t", "tmpfs", "-o", "size=64k,nr_inodes=20", "tmpfs", str(folder)]
    if not mount[0] or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may mount no disk")
    yield folder
    subprocess.run([shutil.which("umount") or "", str(folder)], check=True)


async def test_a_full_disk_fails_and_recovers(small_disk: Path) -> None:
    probe = disk(small_disk, least_free=0.2)
    assert wrong(await probe()) == []
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 56 * 1024)
    assert wrong(await probe()) == ["spaceUsed"]
    filler.write_bytes(b"x" * 64 * 1024)
    with pytest.raises(OSError, match="No space"):
        await probe()
    filler.unlink()
    assert wrong(await probe()) == []


async def test_a_disk_without_inodes_is_a_warning(small_disk: Path) -> None:
    for number in range(17):
        (small_disk / str(number)).touch()
    assert wrong(await disk(small_disk, least_free=0.2)()) == ["inodesUsed"]


@pytest.mark.parametrize(
    ("free", "hours"),
    [
        (lambda minute: GIB * (60 - minute), 0.5),  # one a minute: full half an hour later
        (lambda _: GIB * 60, None),
        (lambda minute: GIB * (1 + minute), None),
    ],
)
def test_the_trend_says_when_the_disk_is_full(free: Callable[[int], float], hours: float | None) -> None:
    clock = Hand()
    trend, said = Trend(clock), []
    for minute in range(31):
        clock.now = minute * 60.0
        said.append(trend.hours_left(free(minute)))
    assert said[:10] == [None] * 10  # too early to say
    assert said[-1] == (None if hours is None else pytest.approx(hours))


def test_the_trend_forgets_what_is_older_than_an_hour() -> None:
    clock = Hand()
    trend = Trend(clock)
    for minute in range(180):
        clock.now = minute * 60.0
        left = trend.hours_left(GIB * (60 - minute) if minute < 60 else GIB)
    assert left is None


async def test_a_disk_that_is_full_soon_is_a_warning(tmp_path: Path) -> None:
    clock = Hand()
    trend = Trend(clock)
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    for minute in range(30):
        clock.now = minute * 60.0
        trend.hours_left(free * (31 - minute))
    clock.now = 30 * 60.0
    assert wrong(await disk(tmp_path, trend=trend, least_hours=24)()) == ["hoursUntilFull"]


# --- the system ---


async def test_the_system_is_measured() -> None:
    settings = make_settings("mongodb://x/y", "redis://x")
    with LoopLag() as lag:
        probe = SystemProbe(settings, lag)
        await probe()
        while "cpu" not in by_name(measured := await probe()):
            pass
    found = by_name(measured)
    assert wrong(measured) == []
    assert {"cpu", "load", "memory", "swap", "descriptors", "eventLoopLag", "uptime"} <= found.keys()


@pytest.mark.parametrize(
    ("threshold", "name"),
    [
        ("health_max_memory", "memory"),
        ("health_max_descriptors", "descriptors"),
        ("health_max_load", "load"),
    ],
)
async def test_thresholds_come_from_the_settings(threshold: str, name: str) -> None:
    settings: Settings = make_settings("mongodb://x/y", "redis://x", **{threshold: 1e-12})
    with LoopLag() as lag:
        assert name in wrong(await SystemProbe(settings, lag)())


async def test_what_blocks_the_loop_is_seen_once() -> None:
    lag, loop = system.LoopLag(), asyncio.get_running_loop()
    lag._fired(loop, loop.time() - 3)
    assert 3 <= lag.worst() < 60
    assert lag.worst() == 0
    lag.__exit__()
