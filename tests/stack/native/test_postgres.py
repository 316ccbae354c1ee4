import os
import re
import shutil
import signal
import socket
from pathlib import Path

import psutil
import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from tests.programs import wait_until
from tests.stack.native.conftest import PASSWORD, Connect, Launch


def test_it_runs_below_a_closed_folder_and_keeps_the_data(
    launch: Launch, connect: Connect, closed_folder: Path
) -> None:
    first = launch(closed_folder / "a" / "pg")
    first.says("ready to accept connections")
    with connect(PASSWORD) as database:
        database.notes.insert_one({"_id": "kept"})
    assert first.end(signal.SIGTERM) == 0
    assert "database system is shut down" in first.log.read_text()
    assert {path.name for path in (closed_folder / "a").iterdir()} == {"pg"}

    second = launch(closed_folder / "a" / "pg", password="another one")
    second.says("ready to accept connections")
    with connect("another one") as database:
        assert database.notes.find_one({}) == {"_id": "kept"}
    with (
        connect(PASSWORD) as database,
        pytest.raises(OperationFailure, match="password authentication failed"),
    ):
        database.notes.find_one({})
    assert second.end(signal.SIGINT) == 0


def test_a_wrong_password_is_rejected(launch: Launch, connect: Connect, closed_folder: Path) -> None:
    launch(closed_folder / "pg").says("ready to accept connections")
    for wrong in ("wrong", ""):
        with connect(wrong) as database, pytest.raises(PyMongoError):
            database.notes.find_one({})


def test_the_server_has_no_rights_beyond_its_own_user(launch: Launch, closed_folder: Path) -> None:
    server = launch(closed_folder / "pg")
    server.says("ready to accept connections")
    (postmaster,) = psutil.Process(server.process.pid).children()
    status = Path(f"/proc/{postmaster.pid}/status").read_text()
    assert postmaster.uids().effective != 0
    assert re.search(r"^CapEff:\s0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE)
    assert (closed_folder / "pg").stat().st_mode & 0o777 == 0o700


def test_a_killed_launcher_takes_the_server_with_it(launch: Launch, closed_folder: Path) -> None:
    server = launch(closed_folder / "pg")
    server.says("ready to accept connections")
    (postmaster,) = psutil.Process(server.process.pid).children()
    server.end(signal.SIGKILL)
    server.says("database system is shut down")
    wait_until(
        lambda: not postmaster.is_running() or postmaster.status() == psutil.STATUS_ZOMBIE, "it has ended"
    )


def test_programs_in_a_closed_folder_are_copied_temporarily(
    launch: Launch, closed_folder: Path, programs: dict[str, Path]
) -> None:
    cache = closed_folder / "cache"
    tool = programs["postgres"].parents[3]
    (cache / "tools").mkdir(parents=True)
    shutil.copytree(tool, cache / "tools" / tool.name)
    server = launch(closed_folder / "pg", STACK_CACHE_DIR=str(cache))
    server.says("ready to accept connections")
    (postmaster,) = psutil.Process(server.process.pid).children()
    program = Path(f"/proc/{postmaster.pid}/exe").readlink()
    assert server.end() == 0
    assert not program.exists() or os.geteuid() != 0
    assert (os.geteuid() == 0) != program.is_relative_to(cache)


def test_a_second_server_on_the_same_data_is_rejected(launch: Launch, closed_folder: Path) -> None:
    first = launch(closed_folder / "pg")
    first.says("ready to accept connections")
    second = launch(closed_folder / "pg")
    assert second.process.wait(30) == 1
    assert "PostgreSQL is already running on" in second.log.read_text()
    assert first.process.poll() is None


def test_a_partially_created_database_is_recreated(launch: Launch, closed_folder: Path) -> None:
    (closed_folder / "pg.new").mkdir(mode=0o700)
    (closed_folder / "pg.new" / "PG_VERSION").write_text("16\n")
    (closed_folder / "pg").mkdir()
    launch(closed_folder / "pg").says("ready to accept connections")
    assert {path.name for path in closed_folder.iterdir()} == {"pg"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("letter.txt", "dear", "is not empty and holds no PostgreSQL data"),
        ("PG_VERSION", "9.6\n", r"was created by PostgreSQL 9\.6, this is 16"),
    ],
)
def test_a_folder_with_foreign_data_is_left_alone(
    launch: Launch, closed_folder: Path, name: str, content: str, sentence: str
) -> None:
    (closed_folder / name).write_text(content)
    server = launch(closed_folder)
    assert server.process.wait(30) == 1
    assert re.search(sentence, server.log.read_text())
    assert [path.name for path in closed_folder.iterdir()] == [name]


def test_a_missing_password_is_a_clear_error(launch: Launch, closed_folder: Path) -> None:
    server = launch(closed_folder / "pg", password="")
    assert server.process.wait(30) == 1
    assert server.log.read_text().startswith("STACK_POSTGRES_PASSWORD is missing")
    assert not (closed_folder / "pg").exists()


def test_it_exits_with_an_error_if_its_port_is_in_use(launch: Launch, closed_folder: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):  # also where connections of before wait for their end
        server = launch(closed_folder / "pg")
        assert server.process.wait(60) != 0
    assert "Address already in use" in server.log.read_text()


def test_the_log_names_errors_but_contains_no_documents(
    launch: Launch, connect: Connect, closed_folder: Path, tmp_path: Path
) -> None:
    server = launch(closed_folder / "pg")
    server.says("ready to accept connections")
    with connect(PASSWORD) as database:
        database.users.create_index("email", unique=True)
        database.users.insert_one({"_id": "usr_1", "email": "ada@school.example"})
        for twice in ({"_id": "usr_2", "email": "ada@school.example"}, {"_id": "usr_1", "name": "Lovelace"}):
            with pytest.raises(DuplicateKeyError):
                database.users.insert_one(twice)
        with pytest.raises(PyMongoError):
            database.users.insert_one({"_id": "Lovelace" + "".join(map(str, range(9000)))})
    server.says("duplicate key value violates unique constraint")
    server.says("index row requires")
    assert server.end() == 0
    logs = server.log.read_text() + (tmp_path / "ferretdb.log").read_text()
    assert [word for word in ("ada@", "school.example", "Lovelace", "usr_1") if word in logs] == []
    assert not re.search("DETAIL|STATEMENT|INSERT", server.log.read_text())
