"""A real database and cache for tests: started once per run on free ports, stopped by process id.

`TEST_MONGODB_URL` and `TEST_REDIS_URL` name servers to use instead. Tests that stop or kill a server start
one of their own (`RedisServer`, `DatabaseServer`).
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pymongo.errors
import pytest
import redis

from stack.native.postgres import PASSWORD_VARIABLE
from stack.native.tools import tool_path
from tests.programs import Program, free_port


def with_database(url: str, name: str) -> str:
    """Returns the database URL `url` for the database `name`."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


class RedisServer:
    """A Redis server without persistence; it can be stopped and restarted on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.socket = folder / "redis.sock"
        self._program = self._start()

    def _start(self) -> Program:
        where = ["--port", str(self._port), "--bind", "127.0.0.1", "--unixsocket", str(self.socket)]
        options = [*where, "--save", "", "--dir", str(self._folder)]
        program = Program([tool_path("redis-server"), *options], self._folder / "redis.log")
        program.ready(self._answers)
        return program

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Stops the server."""
        self._program.stop()

    def kill(self) -> None:
        """Kills the server, like a power cut."""
        self._program.kill()

    def freeze(self) -> None:
        """Freezes the server: connections stay open, but get no answers."""
        os.kill(self._program.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resumes the server."""
        os.kill(self._program.pid, signal.SIGCONT)

    def start(self) -> None:
        """Starts the server again, empty."""
        self._program = self._start()


class DatabaseServer:
    """FerretDB on PostgreSQL as in the native stack; it can be killed and restarted on its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._postgres_port, self._port = free_port(), free_port()
        self._password = secrets.token_urlsafe(16)
        login = f"lms:{self._password}@127.0.0.1:{self._port}"
        self.url = f"mongodb://{login}/lms?authMechanism=PLAIN"
        self._postgres, self._ferretdb = self._start()

    def _start(self) -> tuple[Program, Program]:
        postgres = self._start_postgres()
        try:
            ferretdb = self._start_ferretdb()
        except BaseException:
            postgres.stop()
            raise
        return postgres, ferretdb

    def _start_postgres(self) -> Program:
        command = [sys.executable, "-m", "stack.native.postgres", "run"]
        options: list[str | Path] = ["--data-dir", self._folder / "data", "--port", str(self._postgres_port)]
        environment = {PASSWORD_VARIABLE: self._password}
        postgres = Program([*command, *options], self._folder / "postgres.log", environment)
        try:
            postgres.ready(self._postgres_listens)
        except BaseException:
            postgres.stop()
            raise
        return postgres

    def _start_ferretdb(self) -> Program:
        environment = {
            "FERRETDB_POSTGRESQL_URL": f"postgres://127.0.0.1:{self._postgres_port}/lms",
            "FERRETDB_LISTEN_ADDR": f"127.0.0.1:{self._port}",
            "FERRETDB_LOG_LEVEL": "error",
        }
        ferretdb = Program([tool_path("ferretdb")], self._folder / "ferretdb.log", environment)
        try:
            ferretdb.ready(self._answers)
        except BaseException:
            ferretdb.stop()
            raise
        return ferretdb

    def _postgres_listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._postgres_port)) == 0

    def _answers(self) -> bool:
        try:
            with pymongo.MongoClient[dict[str, object]](self.url, serverSelectionTimeoutMS=500) as client:
                return bool(client["lms"].command("ping"))
        except pymongo.errors.PyMongoError:
            return False

    def stop(self) -> None:
        """Stops both servers."""
        self._ferretdb.stop()
        self._postgres.stop()

    def crash(self) -> None:
        """Kills both servers, like a power cut."""
        self._ferretdb.kill()
        for line in (self._folder / "data" / "postmaster.pid").read_text().splitlines()[:1]:
            os.kill(int(line), signal.SIGKILL)
        self._postgres.stop()

    def lose_postgres(self) -> None:
        """Stops PostgreSQL behind FerretDB, which keeps running."""
        self._postgres.stop()

    def bring_postgres_back(self) -> None:
        """Starts PostgreSQL again behind FerretDB."""
        self._postgres = self._start_postgres()

    def freeze(self) -> None:
        """Freezes FerretDB: connections stay open, but get no answers."""
        os.kill(self._ferretdb.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resumes FerretDB."""
        os.kill(self._ferretdb.pid, signal.SIGCONT)

    def start(self) -> None:
        """Starts both servers again on the existing data."""
        self._postgres, self._ferretdb = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a database server for this test run."""
    given = os.environ.get("TEST_MONGODB_URL")
    if given:
        yield given
        return
    with DatabaseServer(tmp_path_factory.mktemp("mongodb")) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis server for this test run."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:  # a database of it for each worker, because tests empty it
        number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield with_database(given, number)
        return
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def module_database(mongodb_url: str) -> Iterator[str]:
    """URL of a database for the tests of one module."""
    url = with_database(mongodb_url, f"test_{secrets.token_hex(6)}")
    yield url
    with pymongo.MongoClient[dict[str, object]](url) as client:
        client.drop_database(client.get_default_database())


@pytest.fixture
def empty_mongodb_url(module_database: str) -> Iterator[str]:
    """URL of the module's database, without documents: its collections keep their indexes."""
    yield module_database
    with pymongo.MongoClient[dict[str, object]](module_database) as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            database[name].delete_many({})


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    """URL of an empty Redis database."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url
