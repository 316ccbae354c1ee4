"""The stack's FerretDB: what our gate in front of it guarantees beyond plain FerretDB."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from tests.stack.native.conftest import PASSWORD, Connect, Launch


def test_ferretdb_never_overbooks_the_last_seats(
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


def test_ferretdb_logs_no_documents(
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


def test_a_lost_postgres_is_reported_as_a_lost_connection(
    launch: Launch, connect: Connect, closed_folder: Path
) -> None:
    """Drivers can handle that; an internal error would look like a server bug."""
    first = launch(closed_folder / "pg")
    first.says("ready to accept connections")
    with connect(PASSWORD) as database:
        database.notes.insert_one({"_id": "kept"})
        assert first.end() == 0
        with pytest.raises(AutoReconnect):
            database.notes.find_one({})
        launch(closed_folder / "pg").says("ready to accept connections")
        assert database.notes.find_one({}) == {"_id": "kept"}


def test_a_restart_of_postgres_is_invisible_to_a_client_that_retries_once(
    launch: Launch, connect: Connect, closed_folder: Path
) -> None:
    """The restart breaks all of FerretDB's connections; a client must not run into one after another."""
    first = launch(closed_folder / "pg")
    first.says("ready to accept connections")
    with connect(PASSWORD) as database, ThreadPoolExecutor(16) as pool:
        database.notes.insert_one({"_id": "kept"})
        ask = [{"_id": "kept"}] * 64
        assert list(pool.map(database.notes.find_one, ask)) == ask
        assert first.end() == 0
        launch(closed_folder / "pg").says("ready to accept connections")
        assert list(pool.map(database.notes.find_one, ask)) == ask  # the driver retries once
