"""The database, behind a thin port: the only module that knows the driver (motor on pymongo).

Motor is past its end of life; replacing it means replacing this file. The port stays inside the subset
that MongoDB and FerretDB 1.24 share: equality filters, atomic conditional updates of one document, no
transactions, no joins. The server must keep MongoDB's promise that an update of one document is atomic,
including its condition; stock FerretDB does not, our stack's build does
(`stack/native/tools/ferretdb/atomic.go`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

MOST_CONNECTIONS: Final = 50
_THREADS: Final = MOST_CONNECTIONS + 14
"""Motor runs each operation in a thread. With its own choice, five for each CPU, operations would wait for a
thread, which nobody sees, and never for a connection, however slow the database is."""

os.environ["MOTOR_MAX_WORKERS"] = str(_THREADS)  # which motor reads when it is imported
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection  # noqa: E402 - see above
from pymongo.errors import (  # noqa: E402 - see above
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WTimeoutError,
)
from pymongo.uri_parser import parse_uri  # noqa: E402 - see above

from app.core.errors import DatabaseUnavailable  # noqa: E402 - see above

Document = dict[str, Any]
Filter = Mapping[str, Any]

_T = TypeVar("_T")

DEFAULT_DATABASE: Final = "lms"
_AUTHENTICATION_FAILED: Final = 18  # MongoDB's error codes
# ServerSelectionTimeoutError, AutoReconnect and NetworkTimeout are kinds of ConnectionFailure.
_UNAVAILABLE: Final = (ConnectionFailure, WaitQueueTimeoutError, ExecutionTimeout, WTimeoutError)


class DuplicateId(Exception):  # noqa: N818 - a fact about the data, which callers expect
    """Another document already has this ``_id`` or this unique field."""


class DatabaseRefused(Exception):  # noqa: N818 - as above
    """The database answered but rejected us, usually for a wrong user or password."""


class Connections(NamedTuple):
    """How many connections are in use, how many may be, and how many operations wait for one.

    No more than 14 are seen to wait, because those after them wait for a thread.
    """

    in_use: int
    most: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Index:
    """An ascending index over ``fields``: serves queries on the first of them, sorted by the rest.

    ``unique`` means that no two documents have the same values.
    """

    fields: tuple[str, ...]
    unique: bool = False


class Collection(Protocol):
    """The operations that repositories may use; all raise `DatabaseUnavailable` within the time limits."""

    async def find_one(self, where: Filter) -> Document | None:
        """Returns the first document that ``where`` matches."""

    async def find(
        self, where: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0
    ) -> list[Document]:
        """Returns the documents that ``where`` matches, at most ``limit`` if it is not zero."""

    async def insert(self, document: Document) -> None:
        """Stores a new document; returns once a majority has it in its journal.

        Raises:
            DuplicateId: Its ``_id`` or a unique field is taken.
        """

    async def insert_all(self, documents: Sequence[Document]) -> None:
        """Stores new documents in one command; if it fails, some of them may be stored."""

    async def update(self, where: Filter, changes: Mapping[str, Any]) -> bool:
        """Changes one document that ``where`` matches, atomically; returns whether there was one."""

    async def delete(self, where: Filter) -> bool:
        """Removes one document that ``where`` matches; returns whether there was one."""

    async def delete_all(self, where: Filter) -> int:
        """Removes every document that ``where`` matches; returns how many there were."""


class Database:
    """A client of one database. Writes are acknowledged by a majority's journal.

    ``url`` names the database as its path. ``seconds`` bounds server selection, connecting and the wait for a
    free connection; an operation may take twice that. Telemetry covers only clients created after it
    started.
    """

    def __init__(self, url: str, *, seconds: float) -> None:
        milliseconds = int(seconds * 1000)
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url,
            appname="stegmaier-lms",
            tz_aware=True,
            w="majority",
            journal=True,
            retryReads=False,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            waitQueueTimeoutMS=milliseconds,
            socketTimeoutMS=2 * milliseconds,
            maxPoolSize=MOST_CONNECTIONS,
        )
        self._database = self._client.get_default_database(DEFAULT_DATABASE)
        self._operation_seconds = 2 * seconds
        self._indexes: list[tuple[str, Index]] = []

    def collection(self, name: str, *indexes: Index) -> Collection:
        """Returns the collection ``name``; it is created by its first document or by `prepare`.

        ``indexes`` are those that its queries need, besides the one on ``_id``.
        """
        self._indexes.extend((name, index) for index in indexes)
        return _MotorCollection(self._database[name], self._operation_seconds)

    async def prepare(self) -> None:
        """Creates the missing indexes of all collections.

        Raises:
            DatabaseUnavailable: It does not answer, or building a large collection's index takes longer than
                an operation may; the server continues, and the next start finds the result.
        """
        for name, index in self._indexes:
            fields = [(field, 1) for field in index.fields]
            creation = self._database[name].create_index(fields, unique=index.unique)
            await _answer(creation, self._operation_seconds)

    async def ping(self) -> None:
        """Returns once the database has answered.

        Raises:
            DatabaseUnavailable: It did not.
            DatabaseRefused: It answered and rejected our credentials.
        """
        try:
            await _answer(self._database.command("ping"), self._operation_seconds)
        except OperationFailure as error:
            raise DatabaseRefused(_refusal(error)) from error

    async def version(self) -> str:
        """Returns the server's version.

        Raises:
            DatabaseUnavailable: It does not answer.
        """
        about = await _answer(self._database.command("buildInfo"), self._operation_seconds)
        return str(about["version"])

    def connections(self) -> Connections:
        """Returns how the connections are used now."""
        # The driver's pools have no public count; its events would cost three calls for every command.
        servers = self._client.delegate._topology._servers.values()  # noqa: SLF001 - see above
        pools = [server.pool for server in list(servers)]
        active = sum(pool.active_sockets for pool in pools)
        waiting = sum(max(pool.operation_count - pool.active_sockets, 0) for pool in pools)
        return Connections(active, MOST_CONNECTIONS, waiting)

    async def wait(self, seconds: float, progress: Callable[[], object] = lambda: None) -> None:
        """Returns as soon as the database answers; calls ``progress`` after each failed try, about every 2 s.

        Raises:
            DatabaseUnavailable: It did not answer within ``seconds``.
            DatabaseRefused: It answered and rejected our credentials.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await self._answers():
                    progress()
        except TimeoutError as error:
            raise DatabaseUnavailable from error

    async def _answers(self) -> bool:
        # No pause is needed between tries: the driver itself waits for a server.
        try:
            await self.ping()
        except DatabaseUnavailable:
            return False
        return True

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()


class _MotorCollection:
    """`Collection` on motor; an operation may take ``seconds``."""

    def __init__(self, collection: AsyncIOMotorCollection[Document], seconds: float) -> None:
        self._collection = collection
        self._seconds = seconds

    async def find_one(self, where: Filter) -> Document | None:
        return await _answer(self._collection.find_one(where), self._seconds)

    async def find(
        self, where: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 0
    ) -> list[Document]:
        cursor = self._collection.find(where, sort=list(sort) or None, limit=limit)
        return await _answer(cursor.to_list(None), self._seconds)

    async def insert(self, document: Document) -> None:
        await _answer(self._collection.insert_one(document), self._seconds)

    async def insert_all(self, documents: Sequence[Document]) -> None:
        if documents:  # the driver rejects an empty list
            await _answer(self._collection.insert_many(documents), self._seconds)

    async def update(self, where: Filter, changes: Mapping[str, Any]) -> bool:
        result = await _answer(self._collection.update_one(where, changes), self._seconds)
        return result.matched_count == 1

    async def delete(self, where: Filter) -> bool:
        result = await _answer(self._collection.delete_one(where), self._seconds)
        return result.deleted_count == 1

    async def delete_all(self, where: Filter) -> int:
        result = await _answer(self._collection.delete_many(where), self._seconds)
        return result.deleted_count


async def _answer(operation: Awaitable[_T], seconds: float) -> _T:
    """Returns the operation's result; the only place that translates the driver's errors into ours.

    The driver's own limits start when one of its threads is free, which takes long without a database.
    """
    try:
        async with asyncio.timeout(seconds):
            return await operation
    except TimeoutError as error:
        raise DatabaseUnavailable from error
    except DuplicateKeyError as error:
        raise DuplicateId from error
    except _UNAVAILABLE as error:
        raise DatabaseUnavailable from error


def _refusal(error: OperationFailure) -> str:
    """Returns why the database rejected us, without its own message, which may contain the user's name."""
    # FerretDB reports PostgreSQL's rejection with its code for internal errors.
    is_login = error.code == _AUTHENTICATION_FAILED or "SASL auth" in str(error)
    return "authentication failed" if is_login else f"error {error.code}"


def address(url: str) -> str:
    """Returns the ``host:port`` of a database URL, without its credentials."""
    try:
        hosts = parse_uri(url, validate=False)["nodelist"]
    except PyMongoError:
        return "the address in MONGODB_URL"
    return ", ".join(f"{host}:{port}" for host, port in hosts)
