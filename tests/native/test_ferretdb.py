"""The FerretDB of the stack: what the gate in front of it promises that FerretDB alone does not."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from tests.native.conftest import PASSWORD, Connect, Launch


def test_ferretdb_gives_the_last_seats_to_no_more_than_there_are(
    launch: Launch, connect: Connect, closed_folder: Path
) -> None:
    launch(closed_folder / "pg").says("ready to accept connections")
    with connect(PASSWORD) as database:
        database.courses.insert_one({"_id": "algebra", "seats": 10})

        def take(_: int) -> int:
            seat = database.courses.update_one(
                {"_id": "algebra", "seats": {"$gt": 0}}, {"$inc": {"seats": -1}}
            )
            return seat.modified_count

        with ThreadPoolExecutor(32) as pool:
            assert sum(pool.map(take, range(64))) == 10
        assert database.courses.find_one({}) == {"_id": "algebra", "seats": 0}


def test_ferretdb_writes_no_document_into_its_log(
    launch: Launch, connect: Connect, closed_folder: Path, tmp_path: Path
) -> None:
    launch(closed_folder / "pg").says("ready to accept connections")
    with connect(PASSWORD) as database:
        database.people.insert_one({"_id": "one", "mail": "planted@example.test"})
        with pytest.raises(OperationFailure):
            database.people.insert_one({"_id": "one", "mail": "planted@example.test"})
        with pytest.raises(OperationFailure):
            database.people.update_one({"_id": "one"}, {"$inc": {"mail": 1}})
        with pytest.raises(OperationFailure):
            database.command({"unknownCommand": "planted@example.test"})
    log = (tmp_path / "ferretdb.log").read_text()
    assert '"msg":"Query"' in log
    assert "planted" not in log


def test_a_postgres_that_is_gone_is_a_lost_connection_and_no_error_of_the_server(
    launch: Launch, connect: Connect, closed_folder: Path
) -> None:
    """Drivers then know what to do; an internal error would look like a bug of the server."""
    first = launch(closed_folder / "pg")
    first.says("ready to accept connections")
    with connect(PASSWORD) as database:
        database.notes.insert_one({"_id": "kept"})
        assert first.end() == 0
        with pytest.raises(AutoReconnect):
            database.notes.find_one({})
        launch(closed_folder / "pg").says("ready to accept connections")
        assert database.notes.find_one({}) == {"_id": "kept"}


def test_a_restart_of_postgres_is_seen_by_nobody_who_asks_twice(
    launch: Launch, connect: Connect, closed_folder: Path
) -> None:
    """Each of FerretDB's connections was cut; a client must not meet one after the other."""
    first = launch(closed_folder / "pg")
    first.says("ready to accept connections")
    with connect(PASSWORD) as database, ThreadPoolExecutor(16) as pool:
        database.notes.insert_one({"_id": "kept"})
        ask = [{"_id": "kept"}] * 64
        assert list(pool.map(database.notes.find_one, ask)) == ask
        assert first.end() == 0
        launch(closed_folder / "pg").says("ready to accept connections")
        assert list(pool.map(database.notes.find_one, ask)) == ask  # the driver asks again, once
