"""The check of Redis, on the real one: killed, full, unable to save, and one that lies."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from app.infra.redis import RedisClient, RedisUnavailable
from app.monitoring.checks.redis import RedisProbe
from tests.app.monitoring.measured import Hand, by_name, server, wrong
from tests.backends import RedisServer
from tests.programs import wait


@asynccontextmanager
async def probing_redis(url: str, clock: Hand | None = None) -> AsyncIterator[RedisProbe]:
    client = RedisClient(url, seconds=10)
    try:
        yield RedisProbe(client, most_memory=0.9, look_back=60, monotonic=clock or Hand())
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
        for clock.now in (30, 31, 60):
            assert wrong(await probe()) == ["memoryUsed", "evictions"]
        clock.now = 91
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
            await RedisProbe(client, most_memory=0.9, look_back=60)()
        with pytest.raises(RedisUnavailable):
            await client.get_many("one", "two", "three")
        await client.close()
        del client
        gc.collect()  # connections that the client gave up
