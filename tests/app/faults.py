"""A database with one failing write: either not done, or done but the response is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from app.core.errors import DatabaseUnavailable
from app.infra.mongo import Collection, Database, Document, Filter, Index

_T = TypeVar("_T")


class FaultyDatabase(Database):
    """The real database, except for the write that `fail` selects."""

    _left = 0
    _done = False

    def fail(self, nth: int, *, done: bool) -> None:
        """Makes the `nth` write from now (from 1) fail; `done` says whether it is applied all the same."""
        self._left, self._done = nth, done

    @property
    def failed(self) -> bool:
        """Tells whether that write happened, and makes no further one fail."""
        failed, self._left = self._left <= 0, 0
        return failed

    def collection(self, name: str, *indexes: Index) -> Collection:
        return _FaultyCollection(super().collection(name, *indexes), self.write)

    async def write(self, operation: Callable[[], Awaitable[_T]]) -> _T:
        """Does `operation`, or fails."""
        self._left -= 1
        if self._left != 0:
            return await operation()
        if self._done:
            await operation()
        raise DatabaseUnavailable


class _FaultyCollection:
    def __init__(
        self, real: Collection, write: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
    ) -> None:
        self._real = real
        self._write = write
        self.find_one = real.find_one
        self.find = real.find

    async def insert(self, document: Document) -> None:
        await self._write(lambda: self._real.insert(document))

    async def insert_all(self, documents: Sequence[Document]) -> None:
        await self._write(lambda: self._real.insert_all(documents))

    async def update(self, where: Filter, changes: Mapping[str, Any]) -> bool:
        return bool(await self._write(lambda: self._real.update(where, changes)))

    async def delete(self, where: Filter) -> bool:
        return bool(await self._write(lambda: self._real.delete(where)))

    async def delete_all(self, where: Filter) -> int:
        return int(await self._write(lambda: self._real.delete_all(where)))
