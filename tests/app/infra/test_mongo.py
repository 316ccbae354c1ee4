from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.infra.mongo import Collection, Database, DuplicateId, Index


@pytest.fixture
async def database(empty_mongodb_url: str) -> AsyncIterator[Database]:
    database = Database(empty_mongodb_url, seconds=20)
    yield database
    database.close()


@pytest.fixture
def things(database: Database) -> Collection:
    return database.collection("things")


async def test_a_stored_document_is_returned(things: Collection) -> None:
    await things.insert({"_id": "a", "colour": "red"})
    assert await things.find_one({"colour": "red"}) == {"_id": "a", "colour": "red"}
    assert await things.find_one({"colour": "blue"}) is None


async def test_an_identifier_is_unique(things: Collection) -> None:
    await things.insert({"_id": "a"})
    with pytest.raises(DuplicateId):
        await things.insert({"_id": "a"})


async def test_a_unique_field_is_unique(database: Database) -> None:
    things = database.collection("things", Index(("email",), unique=True), Index(("colour",)))
    await database.prepare()
    await database.prepare()
    await things.insert({"_id": "a", "email": "x", "colour": "red"})
    with pytest.raises(DuplicateId):
        await things.insert({"_id": "b", "email": "x"})
    await things.insert({"_id": "c", "email": "y", "colour": "red"})


async def test_a_condition_that_fails_changes_nothing(things: Collection) -> None:
    await things.insert({"_id": "a", "free": 0})
    assert not await things.update({"_id": "a", "free": {"$gt": 0}}, {"$inc": {"free": -1}})
    assert await things.find_one({"_id": "a"}) == {"_id": "a", "free": 0}


async def test_conditional_updates_of_one_document_are_atomic(things: Collection) -> None:
    """FerretDB alone fails this: it reads, then writes (see stack/native/tools/ferretdb/atomic.go)."""
    await things.insert({"_id": "a", "free": 10, "holders": {}})

    async def take(number: int) -> bool:
        holder = f"holders.h{number}"
        wanted = {"_id": "a", "free": {"$gt": 0}, holder: {"$exists": False}}
        return await things.update(wanted, {"$inc": {"free": -1}, "$set": {holder: number}})

    won = await asyncio.gather(*(take(number) for number in range(50)))
    stored = await things.find_one({"_id": "a"})
    assert stored is not None
    assert (sum(won), stored["free"], len(stored["holders"])) == (10, 0, 10)


async def test_delete_returns_whether_there_was_a_document(things: Collection) -> None:
    await things.insert({"_id": "a"})
    gone = await asyncio.gather(*(things.delete({"_id": "a"}) for _ in range(10)))
    assert sum(gone) == 1


async def test_pages_are_sorted_and_limited(things: Collection) -> None:
    for name in "cab":
        await things.insert({"_id": name, "kind": "x"})
    found = await things.find({"kind": "x", "_id": {"$gt": "a"}}, sort=[("_id", 1)], limit=1)
    assert [each["_id"] for each in found] == ["b"]
